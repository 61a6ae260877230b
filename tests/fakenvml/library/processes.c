/* Lists of processes, and accounting. */
#include "fakenvml.h"

#include <string.h>

/* belongs is whether the process is on the GPU, or on the MIG device. */
static int belongs(const struct process *process, const struct device *device) {
    if (process->gpu != device->index) return 0;
    return !device->is_mig || (process->gi == device->mig.gi && process->ci == device->mig.ci);
}

static nvmlReturn_t list_processes(const struct device *device, const char *list, unsigned *count, nvmlProcessInfo_t *infos) {
    NEEDS(count)
    unsigned needed = 0, capacity = infos == NULL ? 0 : *count;
    const struct scenario *s = scenario_lock();
    for (unsigned i = 0; i < s->process_count; i++) {
        const struct process *p = &s->processes[i];
        if (!belongs(p, device) || strcmp(p->list, list) != 0) continue;
        if (needed < capacity)
            infos[needed] = (nvmlProcessInfo_t){.pid = (unsigned)p->pid, .usedGpuMemory = p->memory,
                                                .gpuInstanceId = (unsigned)p->gi, .computeInstanceId = (unsigned)p->ci};
        needed++;
    }
    scenario_unlock();
    *count = needed;
    return needed > capacity ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

#define lister(function, list)                                                                         \
    nvmlReturn_t function(nvmlDevice_t handle, unsigned int *count, nvmlProcessInfo_t *infos) {        \
        BEGIN(#function)                                                                               \
        return list_processes(&device, list, count, infos);                                            \
    }

#ifdef FAKENVML_OLD_DRIVER
lister(nvmlDeviceGetComputeRunningProcesses_v2, "compute")
lister(nvmlDeviceGetGraphicsRunningProcesses_v2, "graphics")
lister(nvmlDeviceGetMPSComputeRunningProcesses_v2, "mps")
#else
lister(nvmlDeviceGetComputeRunningProcesses_v3, "compute")
lister(nvmlDeviceGetGraphicsRunningProcesses_v3, "graphics")
lister(nvmlDeviceGetMPSComputeRunningProcesses_v3, "mps")
#endif

nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t handle, unsigned int pid, nvmlAccountingStats_t *stats) {
    BEGIN("nvmlDeviceGetAccountingStats")
    NOT_FOR_MIG
    NEEDS(stats)
    if (!device.gpu.accounting) return NVML_ERROR_NOT_SUPPORTED;
    nvmlReturn_t result = NVML_ERROR_NOT_FOUND;
    const struct scenario *s = scenario_lock();
    for (unsigned i = 0; i < s->process_count; i++) {
        const struct process *p = &s->processes[i];
        if (p->gpu != device.index || p->pid != pid) continue;
        memset(stats, 0, sizeof *stats);
        stats->gpuUtilization = (unsigned)p->utilization;
        stats->maxMemoryUsage = p->memory;
        stats->isRunning = 1;
        result = NVML_SUCCESS;
    }
    scenario_unlock();
    return result;
}
