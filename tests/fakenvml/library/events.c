/* Events: each of the scenario's is handed out once to each set that was registered for it. */
#include "fakenvml.h"

#include <stdlib.h>
#include <time.h>

struct nvmlEventSet_st {
    number types[MAX_GPUS];
    number delivered; /* the highest id so far */
};

static const number SUPPORTED = nvmlEventTypeXidCriticalError | nvmlEventMigConfigChange;

/* highest is the id of the newest event that the scenario has. */
static number highest(void) {
    number id = 0;
    const struct scenario *s = scenario_lock();
    for (unsigned i = 0; i < s->event_count; i++)
        if (s->events[i].id > id) id = s->events[i].id;
    scenario_unlock();
    return id;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
    NEEDS(set)
    nvmlReturn_t begun = call_begin("nvmlEventSetCreate", -1);
    if (begun != NVML_SUCCESS) return begun;
    set->handle = calloc(1, sizeof *set->handle);
    if (set->handle == NULL) return NVML_ERROR_MEMORY;
    set->handle->delivered = highest();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
    NEEDS(set.handle)
    free(set.handle);
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t handle, unsigned long long *types) {
    BEGIN("nvmlDeviceGetSupportedEventTypes")
    NEEDS(types)
    *types = SUPPORTED;
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t handle, unsigned long long types, nvmlEventSet_t set) {
    BEGIN("nvmlDeviceRegisterEvents")
    NEEDS(set.handle)
    if ((types & ~SUPPORTED) != 0) return NVML_ERROR_NOT_SUPPORTED;
    set.handle->types[device.index] |= types;
    return NVML_SUCCESS;
}

/* next takes the oldest event that the set waits for. */
static int next(struct nvmlEventSet_st *set, struct event *found) {
    int any = 0;
    const struct scenario *s = scenario_lock();
    for (unsigned i = 0; i < s->event_count; i++) {
        const struct event *e = &s->events[i];
        if (e->id <= set->delivered || e->gpu >= MAX_GPUS || (set->types[e->gpu] & e->type) == 0) continue;
        if (!any || e->id < found->id) *found = *e;
        any = 1;
    }
    scenario_unlock();
    if (any) set->delivered = found->id;
    return any;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeout_ms) {
    NEEDS(set.handle)
    NEEDS(data)
    number deadline = now_us() + (number)timeout_ms * 1000;
    for (;;) {
        nvmlReturn_t begun = call_begin("nvmlEventSetWait_v2", -1);
        if (begun != NVML_SUCCESS) return begun;
        struct event event;
        if (next(set.handle, &event)) {
            *data = (nvmlEventData_t){.device = gpu_handle((unsigned)event.gpu), .eventType = event.type, .eventData = event.data,
                                      .gpuInstanceId = 0xFFFFFFFF, .computeInstanceId = 0xFFFFFFFF};
            return NVML_SUCCESS;
        }
        if (now_us() >= deadline) return NVML_ERROR_TIMEOUT;
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
}
