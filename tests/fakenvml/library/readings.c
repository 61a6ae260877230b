/* What a device reads now. As with NVIDIA's library, MIG devices have memory alone, and a GPU with MIG has no utilisation. */
#include "fakenvml.h"

#include <string.h>

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t handle, nvmlMemory_t *memory) {
    BEGIN("nvmlDeviceGetMemoryInfo")
    NEEDS(memory)
    number total = device.is_mig ? device.mig.total : device.gpu.total;
    number taken = device.is_mig ? device.mig.used + device.mig.reserved : device.gpu.used + device.gpu.reserved;
    *memory = (nvmlMemory_t){.total = total, .free = total - taken, .used = taken};
    return NVML_SUCCESS;
}

#ifndef FAKENVML_OLD_DRIVER
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t handle, nvmlMemory_v2_t *memory) {
    BEGIN("nvmlDeviceGetMemoryInfo_v2")
    NEEDS(memory)
    if (memory->version != (unsigned)NVML_STRUCT_VERSION(Memory, 2)) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    memory->total = device.is_mig ? device.mig.total : device.gpu.total;
    memory->reserved = device.is_mig ? device.mig.reserved : device.gpu.reserved;
    memory->used = device.is_mig ? device.mig.used : device.gpu.used;
    memory->free = memory->total - memory->reserved - memory->used;
    return NVML_SUCCESS;
}
#endif

nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t handle, nvmlBAR1Memory_t *memory) {
    BEGIN("nvmlDeviceGetBAR1MemoryInfo")
    NOT_FOR_MIG
    NEEDS(memory)
    *memory = (nvmlBAR1Memory_t){device.gpu.bar1_total, device.gpu.bar1_total - device.gpu.bar1_used, device.gpu.bar1_used};
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t handle, nvmlUtilization_t *rates) {
    BEGIN("nvmlDeviceGetUtilizationRates")
    NOT_FOR_MIG
    NEEDS(rates)
    if (device.gpu.mig_enabled) return NVML_ERROR_NOT_SUPPORTED;
    rates->gpu = (unsigned)at_time(&device.gpu, &device.gpu.utilization, now_us());
    rates->memory = (unsigned)device.gpu.memory_utilization;
    return NVML_SUCCESS;
}

/* reading defines a call that reads one number of a GPU into a value of the type. */
#define reading(function, type, expression)                           \
    nvmlReturn_t function(nvmlDevice_t handle, type *value) {         \
        BEGIN(#function)                                              \
        NOT_FOR_MIG                                                   \
        NEEDS(value)                                                  \
        *value = (type)(expression);                                  \
        return NVML_SUCCESS;                                          \
    }

reading(nvmlDeviceGetPowerUsage, unsigned int, at_time(&device.gpu, &device.gpu.power, now_us()))
reading(nvmlDeviceGetEnforcedPowerLimit, unsigned int, device.gpu.power_limit)
reading(nvmlDeviceGetTotalEnergyConsumption, unsigned long long, device.gpu.energy)
reading(nvmlDeviceGetPcieReplayCounter, unsigned int, device.gpu.pcie_replays)
reading(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, device.gpu.reasons)
reading(nvmlDeviceGetAccountingMode, nvmlEnableState_t, device.gpu.accounting ? NVML_FEATURE_ENABLED : NVML_FEATURE_DISABLED)
reading(nvmlDeviceGetIndex, unsigned int, device.index)
#ifndef FAKENVML_OLD_DRIVER
reading(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, device.gpu.reasons)
#endif

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t handle, nvmlTemperatureSensors_t sensor, unsigned int *celsius) {
    BEGIN("nvmlDeviceGetTemperature")
    NOT_FOR_MIG
    NEEDS(celsius)
    if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
    *celsius = (unsigned)device.gpu.temperature;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t handle, nvmlClockType_t type, unsigned int *megahertz) {
    BEGIN("nvmlDeviceGetClockInfo")
    NOT_FOR_MIG
    NEEDS(megahertz)
    switch (type) {
    case NVML_CLOCK_GRAPHICS: *megahertz = (unsigned)device.gpu.clock_graphics; return NVML_SUCCESS;
    case NVML_CLOCK_SM: *megahertz = (unsigned)device.gpu.clock_sm; return NVML_SUCCESS;
    case NVML_CLOCK_MEM: *megahertz = (unsigned)device.gpu.clock_memory; return NVML_SUCCESS;
    case NVML_CLOCK_VIDEO: *megahertz = (unsigned)device.gpu.clock_video; return NVML_SUCCESS;
    default: return NVML_ERROR_INVALID_ARGUMENT;
    }
}

nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t handle, nvmlPcieUtilCounter_t counter, unsigned int *value) {
    BEGIN("nvmlDeviceGetPcieThroughput")
    NOT_FOR_MIG
    NEEDS(value)
    if (counter != NVML_PCIE_UTIL_TX_BYTES && counter != NVML_PCIE_UTIL_RX_BYTES) return NVML_ERROR_INVALID_ARGUMENT;
    *value = (unsigned)(counter == NVML_PCIE_UTIL_TX_BYTES ? device.gpu.pcie_tx : device.gpu.pcie_rx);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t handle, nvmlMemoryErrorType_t type, nvmlEccCounterType_t since,
                                         unsigned long long *count) {
    BEGIN("nvmlDeviceGetTotalEccErrors")
    NOT_FOR_MIG
    NEEDS(count)
    if (since != NVML_VOLATILE_ECC && since != NVML_AGGREGATE_ECC) return NVML_ERROR_INVALID_ARGUMENT;
    *count = type == NVML_MEMORY_ERROR_TYPE_CORRECTED ? device.gpu.ecc_corrected : device.gpu.ecc_uncorrected;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t handle, unsigned int *busy, unsigned int *period_us) {
    BEGIN("nvmlDeviceGetEncoderUtilization")
    NOT_FOR_MIG
    NEEDS(busy)
    NEEDS(period_us)
    *busy = (unsigned)device.gpu.encoder;
    *period_us = 167000;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t handle, unsigned int *busy, unsigned int *period_us) {
    BEGIN("nvmlDeviceGetDecoderUtilization")
    NOT_FOR_MIG
    NEEDS(busy)
    NEEDS(period_us)
    *busy = (unsigned)device.gpu.decoder;
    *period_us = 167000;
    return NVML_SUCCESS;
}

static void read_field(const struct gpu *gpu, nvmlFieldValue_t *field) {
    field->timestamp = (long long)now_us();
    field->latencyUsec = 1;
    field->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
    number value = 0;
    switch (field->fieldId) {
    case NVML_FI_DEV_MEMORY_TEMP: value = gpu->memory_temperature; break;
    case NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX: value = gpu->nvlink_tx; break;
    case NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX: value = gpu->nvlink_rx; break;
    default: return;
    }
    if (field->fieldId == NVML_FI_DEV_MEMORY_TEMP) {
        field->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
        field->value.uiVal = (unsigned)value;
    } else if (field->scopeId < gpu->nvlinks) {
        field->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        field->value.ullVal = value;
    } else {
        return;
    }
    field->nvmlReturn = NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t handle, int count, nvmlFieldValue_t *values) {
    BEGIN("nvmlDeviceGetFieldValues")
    NOT_FOR_MIG
    NEEDS(values)
    for (int i = 0; i < count; i++) read_field(&device.gpu, &values[i]);
    return NVML_SUCCESS;
}
