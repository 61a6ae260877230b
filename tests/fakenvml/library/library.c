/* Initialisation, the host, and finding devices. */
#include "fakenvml.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static atomic_int initialised;

/* A handle points to a place of its own: a GPU, and behind it its MIG devices. */
static char places[MAX_GPUS][1 + MAX_MIG];

nvmlDevice_t gpu_handle(unsigned gpu) { return (nvmlDevice_t){(struct nvmlDevice_st *)&places[gpu][0]}; }
nvmlDevice_t mig_handle(unsigned gpu, unsigned slot) { return (nvmlDevice_t){(struct nvmlDevice_st *)&places[gpu][1 + slot]}; }

number now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (number)now.tv_sec * 1000000 + (number)now.tv_nsec / 1000;
}

number at_time(const struct gpu *gpu, const struct sequence *sequence, number us) {
    if (sequence->count == 0) return 0;
    return gpu->sample_us == 0 ? sequence->values[0] : sequence->values[us / gpu->sample_us % sequence->count];
}

nvmlReturn_t copy_text(const char *from, char *to, unsigned length) {
    NEEDS(to)
    if (strlen(from) >= length) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(to, from);
    return NVML_SUCCESS;
}

/* fault_of answers what the call is to return, after the delay that the scenario has for it. */
static nvmlReturn_t fault_of(const char *call, int gpu) {
    number result = NVML_SUCCESS, delay = 0;
    const struct scenario *s = scenario_lock();
    for (unsigned i = 0; i < s->fault_count; i++) {
        const struct fault *fault = &s->faults[i];
        int all = strcmp(fault->call, "*") == 0 && gpu >= 0;
        if ((all || strcmp(fault->call, call) == 0) && (fault->gpu < 0 || fault->gpu == gpu)) {
            result = fault->result;
            delay = fault->delay_ms;
        }
    }
    scenario_unlock();
    if (delay > 0) nanosleep(&(struct timespec){(time_t)(delay / 1000), (long)(delay % 1000) * 1000000}, NULL);
    return (nvmlReturn_t)result;
}

nvmlReturn_t call_begin(const char *call, int gpu) {
    if (initialised == 0) return NVML_ERROR_UNINITIALIZED;
    return fault_of(call, gpu);
}

nvmlReturn_t device_begin(const char *call, nvmlDevice_t handle, struct device *device) {
    ptrdiff_t place = (char *)handle.handle - &places[0][0];
    if (place < 0 || place >= (ptrdiff_t)sizeof places) return NVML_ERROR_INVALID_ARGUMENT;
    device->index = (unsigned)(place / (1 + MAX_MIG));
    unsigned slot = (unsigned)(place % (1 + MAX_MIG));
    nvmlReturn_t begun = call_begin(call, (int)device->index);
    if (begun != NVML_SUCCESS) return begun;
    device->gpu = scenario_lock()->gpus[device->index];
    scenario_unlock();
    if (!device->gpu.present) return NVML_ERROR_GPU_IS_LOST;
    device->is_mig = slot > 0;
    if (!device->is_mig) return NVML_SUCCESS;
    device->mig = device->gpu.migs[slot - 1];
    return device->mig.present && device->gpu.mig_enabled ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
    (void)flags;
    nvmlReturn_t result = (nvmlReturn_t)scenario_lock()->init;
    scenario_unlock();
    if (result == NVML_SUCCESS) initialised++;
    return result;
}

nvmlReturn_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

nvmlReturn_t nvmlShutdown(void) {
    if (initialised == 0) return NVML_ERROR_UNINITIALIZED;
    initialised--;
    return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result) {
    static _Thread_local char text[TEXT];
    snprintf(text, sizeof text, "fake of error %d", (int)result);
    return text;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    nvmlReturn_t begun = call_begin("nvmlSystemGetDriverVersion", -1);
    if (begun != NVML_SUCCESS) return begun;
    nvmlReturn_t result = copy_text(scenario_lock()->driver, version, length);
    scenario_unlock();
    return result;
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length) {
    nvmlReturn_t result = copy_text(scenario_lock()->nvml, version, length);
    scenario_unlock();
    return result;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *version) {
    NEEDS(version)
    *version = (int)scenario_lock()->cuda;
    scenario_unlock();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) { return nvmlSystemGetCudaDriverVersion(version); }

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
    NEEDS(count)
    nvmlReturn_t begun = call_begin("nvmlDeviceGetCount_v2", -1);
    if (begun != NVML_SUCCESS) return begun;
    const struct scenario *s = scenario_lock();
    for (*count = 0; *count < MAX_GPUS && s->gpus[*count].present;) ++*count;
    scenario_unlock();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *handle) {
    NEEDS(handle)
    nvmlReturn_t begun = call_begin("nvmlDeviceGetHandleByIndex_v2", (int)index);
    if (begun != NVML_SUCCESS) return begun;
    int present = index < MAX_GPUS && scenario_lock()->gpus[index].present;
    if (index < MAX_GPUS) scenario_unlock();
    if (!present) return NVML_ERROR_INVALID_ARGUMENT;
    *handle = gpu_handle(index);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t handle, char *uuid, unsigned int length) {
    BEGIN("nvmlDeviceGetUUID")
    return copy_text(device.is_mig ? device.mig.uuid : device.gpu.uuid, uuid, length);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t handle, char *name, unsigned int length) {
    BEGIN("nvmlDeviceGetName")
    return copy_text(device.is_mig ? device.mig.name : device.gpu.name, name, length);
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t handle, nvmlPciInfo_t *pci) {
    BEGIN("nvmlDeviceGetPciInfo_v3")
    NEEDS(pci)
    memset(pci, 0, sizeof *pci);
    return copy_text(device.gpu.bus, pci->busId, sizeof pci->busId);
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t handle, unsigned int *mode, unsigned int *pending) {
    BEGIN("nvmlDeviceGetMigMode")
    NOT_FOR_MIG
    NEEDS(mode)
    NEEDS(pending)
    *mode = *pending = (unsigned)device.gpu.mig_enabled;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t handle, unsigned int *count) {
    BEGIN("nvmlDeviceGetMaxMigDeviceCount")
    NOT_FOR_MIG
    NEEDS(count)
    *count = MAX_MIG - 1;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t handle, unsigned int index, nvmlDevice_t *found) {
    BEGIN("nvmlDeviceGetMigDeviceHandleByIndex")
    NOT_FOR_MIG
    NEEDS(found)
    if (index >= MAX_MIG) return NVML_ERROR_INVALID_ARGUMENT;
    if (!device.gpu.mig_enabled || !device.gpu.migs[index].present) return NVML_ERROR_NOT_FOUND;
    *found = mig_handle(device.index, index);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t handle, unsigned int *is_mig) {
    BEGIN("nvmlDeviceIsMigDeviceHandle")
    NEEDS(is_mig)
    *is_mig = (unsigned)device.is_mig;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t handle, nvmlDevice_t *gpu) {
    BEGIN("nvmlDeviceGetDeviceHandleFromMigDeviceHandle")
    NEEDS(gpu)
    if (!device.is_mig) return NVML_ERROR_INVALID_ARGUMENT;
    *gpu = gpu_handle(device.index);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t handle, unsigned int *id) {
    BEGIN("nvmlDeviceGetGpuInstanceId")
    NEEDS(id)
    if (!device.is_mig) return NVML_ERROR_NOT_SUPPORTED;
    *id = (unsigned)device.mig.gi;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t handle, unsigned int *id) {
    BEGIN("nvmlDeviceGetComputeInstanceId")
    NEEDS(id)
    if (!device.is_mig) return NVML_ERROR_NOT_SUPPORTED;
    *id = (unsigned)device.mig.ci;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t handle, nvmlDeviceAttributes_t *attributes) {
    BEGIN("nvmlDeviceGetAttributes_v2")
    NEEDS(attributes)
    if (!device.is_mig) return NVML_ERROR_NOT_SUPPORTED;
    memset(attributes, 0, sizeof *attributes);
    attributes->gpuInstanceSliceCount = (unsigned)device.mig.slices;
    attributes->computeInstanceSliceCount = (unsigned)device.mig.compute_slices;
    attributes->memorySizeMB = device.mig.total >> 20;
    return NVML_SUCCESS;
}
