/* Buffers of samples: of GPUs, of processes, and the GPU's performance monitor (GPM). */
#include "fakenvml.h"

#include <stdlib.h>

enum { BUFFER_SAMPLES = 120, PROCESS_PERIOD_US = 250000, PROCESS_BUFFER_US = 5000000 };

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t handle, nvmlSamplingType_t type, unsigned long long last_seen,
                                  nvmlValueType_t *value_type, unsigned int *count, nvmlSample_t *samples) {
    BEGIN("nvmlDeviceGetSamples")
    NOT_FOR_MIG
    NEEDS(value_type)
    NEEDS(count)
    const struct gpu *gpu = &device.gpu;
    int power = type == NVML_TOTAL_POWER_SAMPLES;
    if ((type != NVML_GPU_UTILIZATION_SAMPLES && !power) || gpu->sample_us == 0 || (gpu->mig_enabled && !power))
        return NVML_ERROR_NOT_SUPPORTED;
    *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
    if (samples == NULL) {
        *count = BUFFER_SAMPLES;
        return NVML_SUCCESS;
    }
    number period = gpu->sample_us, newest = now_us() / period, oldest = newest - BUFFER_SAMPLES + 1;
    if (last_seen / period + 1 > oldest) oldest = last_seen / period + 1;
    unsigned given = 0;
    for (number i = oldest; i <= newest && given < *count; i++, given++) {
        samples[given].timeStamp = i * period;
        samples[given].sampleValue.uiVal = (unsigned)at_time(gpu, power ? &gpu->power : &gpu->utilization, i * period);
    }
    *count = given;
    return given > 0 ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t handle, nvmlProcessUtilizationSample_t *samples, unsigned int *count,
                                             unsigned long long last_seen) {
    BEGIN("nvmlDeviceGetProcessUtilization")
    NOT_FOR_MIG
    NEEDS(count)
    if (device.gpu.mig_enabled) return NVML_ERROR_NOT_SUPPORTED;
    number now = now_us(), oldest = now - PROCESS_BUFFER_US;
    if (last_seen > oldest) oldest = last_seen;
    unsigned needed = 0, capacity = samples == NULL ? 0 : *count;
    const struct scenario *s = scenario_lock();
    for (number tick = oldest / PROCESS_PERIOD_US + 1; tick * PROCESS_PERIOD_US <= now; tick++) {
        for (unsigned i = 0; i < s->process_count; i++) {
            const struct process *p = &s->processes[i];
            if (p->gpu != device.index || p->utilization == 0) continue;
            if (needed < capacity) {
                samples[needed] = (nvmlProcessUtilizationSample_t){.pid = (unsigned)p->pid, .timeStamp = tick * PROCESS_PERIOD_US,
                                                                   .smUtil = (unsigned)p->utilization};
            }
            needed++;
        }
    }
    scenario_unlock();
    if (needed == 0) {
        *count = 0;
        return NVML_ERROR_NOT_FOUND;
    }
    if (needed > capacity) {
        *count = needed;
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    *count = needed;
    return NVML_SUCCESS;
}

#ifndef FAKENVML_OLD_DRIVER
struct nvmlGpmSample_st {
    unsigned gpu;
    unsigned gi; /* 0xFFFFFFFF for a whole GPU */
    number us;
};

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample) {
    NEEDS(sample)
    nvmlReturn_t begun = call_begin("nvmlGpmSampleAlloc", -1);
    if (begun != NVML_SUCCESS) return begun;
    sample->handle = calloc(1, sizeof *sample->handle);
    return sample->handle == NULL ? NVML_ERROR_MEMORY : NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
    NEEDS(sample.handle)
    free(sample.handle);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t handle, nvmlGpmSupport_t *support) {
    BEGIN("nvmlGpmQueryDeviceSupport")
    NEEDS(support)
    if (support->version != NVML_GPM_SUPPORT_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    support->isSupportedDevice = (unsigned)device.gpu.gpm;
    return NVML_SUCCESS;
}

static nvmlReturn_t take_sample(const struct device *device, unsigned gi, nvmlGpmSample_t sample) {
    NEEDS(sample.handle)
    if (!device->gpu.gpm) return NVML_ERROR_NOT_SUPPORTED;
    *sample.handle = (struct nvmlGpmSample_st){device->index, gi, now_us()};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t handle, nvmlGpmSample_t sample) {
    BEGIN("nvmlGpmSampleGet")
    return take_sample(&device, 0xFFFFFFFF, sample);
}

nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t handle, unsigned int gi, nvmlGpmSample_t sample) {
    BEGIN("nvmlGpmMigSampleGet")
    NOT_FOR_MIG
    for (unsigned i = 0; i < MAX_MIG; i++)
        if (device.gpu.migs[i].present && device.gpu.migs[i].gi == gi) return take_sample(&device, gi, sample);
    return NVML_ERROR_INVALID_ARGUMENT;
}

/* busy is the share of time, in percent, that the GPU or the GPU instance of the sample computed. */
static number busy(const struct nvmlGpmSample_st *sample) {
    struct gpu gpu = scenario_lock()->gpus[sample->gpu];
    scenario_unlock();
    for (unsigned i = 0; i < MAX_MIG; i++)
        if (gpu.migs[i].present && gpu.migs[i].gi == sample->gi) return gpu.migs[i].utilization;
    return at_time(&gpu, &gpu.utilization, sample->us);
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *question) {
    NEEDS(question)
    nvmlReturn_t begun = call_begin("nvmlGpmMetricsGet", -1);
    if (begun != NVML_SUCCESS) return begun;
    if (question->version != NVML_GPM_METRICS_GET_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    const struct nvmlGpmSample_st *first = question->sample1.handle, *second = question->sample2.handle;
    if (first == NULL || second == NULL || first->gpu != second->gpu || first->gi != second->gi) return NVML_ERROR_INVALID_ARGUMENT;
    for (unsigned i = 0; i < question->numMetrics; i++) {
        nvmlGpmMetric_t *metric = &question->metrics[i];
        metric->nvmlReturn = metric->metricId == NVML_GPM_METRIC_GRAPHICS_UTIL ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
        metric->value = (double)busy(second);
    }
    return NVML_SUCCESS;
}
#endif
