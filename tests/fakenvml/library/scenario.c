/* Reads the scenario: lines of a word and key=value pairs; a name, which may have spaces, comes last. */
#include "fakenvml.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct scenario current, fresh;
static struct stat seen;

enum kind { NUMBER, STRING, SEQUENCE, SIGNED };

struct key {
    const char *name;
    enum kind kind;
    size_t offset;
};

#define KEY(type, kind, field) {#field, kind, offsetof(struct type, field)}
#define GPU(field) KEY(gpu, NUMBER, field)
#define MIG(field) KEY(mig, NUMBER, field)
#define PROCESS(field) KEY(process, NUMBER, field)
#define EVENT(field) KEY(event, NUMBER, field)

static const struct key host_keys[] = {KEY(scenario, STRING, driver), KEY(scenario, STRING, nvml), KEY(scenario, NUMBER, cuda),
                                       KEY(scenario, NUMBER, init), {NULL, NUMBER, 0}};
static const struct key gpu_keys[] = {
    KEY(gpu, STRING, uuid), KEY(gpu, STRING, name), KEY(gpu, STRING, bus), GPU(total), GPU(reserved), GPU(used), GPU(bar1_total),
    GPU(bar1_used), GPU(power_limit), GPU(energy), GPU(temperature), GPU(memory_temperature), GPU(memory_utilization),
    GPU(encoder), GPU(decoder), GPU(clock_graphics), GPU(clock_sm), GPU(clock_memory), GPU(clock_video), GPU(reasons),
    GPU(pcie_tx), GPU(pcie_rx), GPU(pcie_replays), GPU(ecc_corrected), GPU(ecc_uncorrected), GPU(nvlinks), GPU(nvlink_tx),
    GPU(nvlink_rx), GPU(accounting), GPU(gpm), GPU(mig_enabled), GPU(sample_us), KEY(gpu, SEQUENCE, utilization),
    KEY(gpu, SEQUENCE, power), {NULL, NUMBER, 0}};
static const struct key mig_keys[] = {KEY(mig, STRING, uuid), KEY(mig, STRING, name), MIG(gi), MIG(ci), MIG(slices),
                                      MIG(compute_slices), MIG(total), MIG(reserved), MIG(used), MIG(utilization), {NULL, NUMBER, 0}};
static const struct key process_keys[] = {PROCESS(gpu), PROCESS(pid), PROCESS(memory), PROCESS(utilization), PROCESS(gi),
                                          PROCESS(ci), KEY(process, STRING, list), {NULL, NUMBER, 0}};
static const struct key fault_keys[] = {KEY(fault, STRING, call), KEY(fault, SIGNED, gpu), KEY(fault, NUMBER, result),
                                        KEY(fault, NUMBER, delay_ms), {NULL, NUMBER, 0}};
static const struct key event_keys[] = {EVENT(id), EVENT(gpu), EVENT(type), EVENT(data), {NULL, NUMBER, 0}};

/* A scenario that is wrong is a mistake in a test, which has to end at once. */
static void mistake(const char *what, const char *text) {
    fprintf(stderr, "fakenvml: %s: %s\n", what, text);
    abort();
}

static void set_value(void *target, const struct key *key, char *text) {
    char *field = (char *)target + key->offset;
    switch (key->kind) {
    case NUMBER: *(number *)field = strtoull(text, NULL, 0); break;
    case SIGNED: *(int *)field = atoi(text); break;
    case STRING: snprintf(field, TEXT, "%s", text); break;
    case SEQUENCE: {
        struct sequence *sequence = (struct sequence *)field;
        for (sequence->count = 0; sequence->count < MAX_SEQUENCE && *text != '\0'; text += *text == ',')
            sequence->values[sequence->count++] = strtoull(text, &text, 0);
    }
    }
}

static void set_all(void *target, const struct key *keys, char *rest) {
    while (rest != NULL && *rest != '\0') {
        char *name = rest, *value = strchr(rest, '=');
        if (value == NULL) mistake("no value", rest);
        *value++ = '\0';
        rest = NULL;
        if (strcmp(name, "name") != 0 && (rest = strchr(value, ' ')) != NULL) *rest++ = '\0';
        const struct key *key = keys;
        while (key->name != NULL && strcmp(key->name, name) != 0) key++;
        if (key->name == NULL) mistake("unknown key", name);
        set_value(target, key, value);
    }
}

/* take_number takes the first word of rest, an index below limit. */
static unsigned take_number(char **rest, unsigned limit) {
    char *end;
    unsigned long value = strtoul(*rest, &end, 10);
    if (end == *rest || value >= limit) mistake("index", *rest);
    *rest = *end == ' ' ? end + 1 : end;
    return (unsigned)value;
}

#define APPEND(array, count, limit) ((count) < (limit) ? &(array)[(count)++] : (mistake("too many", #array), (array)))

static void read_line(struct scenario *into, char *line) {
    char *rest = strchr(line, ' ');
    if (rest == NULL) mistake("no values", line);
    *rest++ = '\0';
    if (strcmp(line, "host") == 0) {
        set_all(into, host_keys, rest);
    } else if (strcmp(line, "gpu") == 0) {
        struct gpu *gpu = &into->gpus[take_number(&rest, MAX_GPUS)];
        gpu->present = 1;
        set_all(gpu, gpu_keys, rest);
    } else if (strcmp(line, "mig") == 0) {
        struct gpu *gpu = &into->gpus[take_number(&rest, MAX_GPUS)];
        struct mig *mig = &gpu->migs[take_number(&rest, MAX_MIG)];
        mig->present = 1;
        set_all(mig, mig_keys, rest);
    } else if (strcmp(line, "process") == 0) {
        struct process *process = APPEND(into->processes, into->process_count, MAX_PROCESSES);
        process->gi = process->ci = 0xFFFFFFFF;
        strcpy(process->list, "compute");
        set_all(process, process_keys, rest);
    } else if (strcmp(line, "fault") == 0) {
        struct fault *fault = APPEND(into->faults, into->fault_count, MAX_FAULTS);
        fault->gpu = -1;
        set_all(fault, fault_keys, rest);
    } else if (strcmp(line, "event") == 0) {
        set_all(APPEND(into->events, into->event_count, MAX_EVENTS), event_keys, rest);
    } else {
        mistake("unknown word", line);
    }
}

static void read_file(FILE *file) {
    char line[4096];
    memset(&fresh, 0, sizeof fresh);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '\0' && line[0] != '#') read_line(&fresh, line);
    }
    current = fresh;
}

const struct scenario *scenario_lock(void) {
    const char *path = getenv("FAKENVML_SCENARIO");
    pthread_mutex_lock(&mutex);
    if (path == NULL) mistake("not set", "FAKENVML_SCENARIO");
    struct stat now;
    if (stat(path, &now) != 0) mistake("no scenario", path);
    /* The file is replaced as a whole, so that it is another one after each change. */
    if (now.st_ino != seen.st_ino || now.st_mtim.tv_nsec != seen.st_mtim.tv_nsec || now.st_mtim.tv_sec != seen.st_mtim.tv_sec) {
        FILE *file = fopen(path, "r");
        if (file == NULL || fstat(fileno(file), &seen) != 0) mistake("no scenario", path);
        read_file(file);
        fclose(file);
    }
    return &current;
}

void scenario_unlock(void) { pthread_mutex_unlock(&mutex); }
