/* A fake of NVIDIA's management library for tests: NVML's published interface, answered from a scenario file. */
#ifndef FAKENVML_H
#define FAKENVML_H

#define NVML_NO_UNVERSIONED_FUNC_DEFS 1
#include "nvml.h"

enum { MAX_GPUS = 16, MAX_MIG = 8, MAX_PROCESSES = 1024, MAX_FAULTS = 64, MAX_EVENTS = 64, MAX_SEQUENCE = 64, TEXT = 96 };

typedef unsigned long long number;

/* values that follow one another, each for a period of the GPU's buffer, over and over */
struct sequence {
    number values[MAX_SEQUENCE];
    unsigned count;
};

struct mig {
    int present;
    char uuid[TEXT], name[TEXT];
    number gi, ci, slices, compute_slices, total, reserved, used, utilization;
};

struct gpu {
    int present;
    char uuid[TEXT], name[TEXT], bus[TEXT];
    number total, reserved, used;              /* bytes */
    number bar1_total, bar1_used;              /* bytes */
    number power_limit, energy;                /* mW, mJ */
    number temperature, memory_temperature;    /* degrees Celsius */
    number memory_utilization, encoder, decoder; /* percent */
    number clock_graphics, clock_sm, clock_memory, clock_video; /* MHz */
    number reasons;                            /* bits of clocks event reasons */
    number pcie_tx, pcie_rx, pcie_replays;     /* KB/s */
    number ecc_corrected, ecc_uncorrected;
    number nvlinks, nvlink_tx, nvlink_rx;      /* KiB, the same for each link */
    number accounting, gpm, mig_enabled;       /* 0 or 1 */
    number sample_us;                          /* how long each sample of a sequence lasts; 0 is no buffer */
    struct sequence utilization, power;        /* percent, mW */
    struct mig migs[MAX_MIG];
};

struct process {
    number gpu, pid, memory, utilization, gi, ci;
    char list[TEXT]; /* compute, graphics or mps */
};

struct fault {
    char call[TEXT]; /* a function of NVML, or * for all that are about a device */
    int gpu;         /* -1 for all */
    number result, delay_ms;
};

struct event {
    number id, gpu, type, data;
};

struct scenario {
    char driver[TEXT], nvml[TEXT];
    number cuda, init;
    struct gpu gpus[MAX_GPUS];
    struct process processes[MAX_PROCESSES];
    unsigned process_count;
    struct fault faults[MAX_FAULTS];
    unsigned fault_count;
    struct event events[MAX_EVENTS];
    unsigned event_count;
};

/* scenario_lock answers the scenario as its file is now; scenario_unlock follows when it is not looked at any more. */
const struct scenario *scenario_lock(void);
void scenario_unlock(void);

/* a device as it was when a call began */
struct device {
    unsigned index;
    struct gpu gpu;
    int is_mig;
    struct mig mig;
};

/* call_begin has to be asked first in every call: whether the scenario, or the state of the library, lets it fail. gpu is -1
   for a call that is about no device. */
nvmlReturn_t call_begin(const char *call, int gpu);
/* device_begin is call_begin for a call about a device, which it looks up. */
nvmlReturn_t device_begin(const char *call, nvmlDevice_t handle, struct device *device);
nvmlDevice_t gpu_handle(unsigned gpu);
nvmlDevice_t mig_handle(unsigned gpu, unsigned slot);

number now_us(void);
number at_time(const struct gpu *gpu, const struct sequence *sequence, number us);
nvmlReturn_t copy_text(const char *from, char *to, unsigned length);

#define BEGIN(call)                                                   \
    struct device device;                                             \
    nvmlReturn_t begun = device_begin(call, handle, &device);         \
    if (begun != NVML_SUCCESS) return begun;
#define NOT_FOR_MIG                                                   \
    if (device.is_mig) return NVML_ERROR_NOT_SUPPORTED;
#define NEEDS(pointer)                                                \
    if ((pointer) == NULL) return NVML_ERROR_INVALID_ARGUMENT;

#endif
