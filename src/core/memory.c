/* SPDX-License-Identifier: MIT
 * memory.c - what the system can still give: /proc/meminfo and the control group's limit.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "model.h"

static uint64_t read_number(const char *path) { /* UINT64_MAX: absent, or "max" */
    unsigned long long v;
    FILE *f = fopen(path, "r");
    if (!f) return UINT64_MAX;
    if (fscanf(f, "%llu", &v) != 1) v = UINT64_MAX;
    fclose(f);
    return v;
}

static uint64_t mem_available(void) {
    char line[128];
    unsigned long long kb;
    uint64_t out = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    if (!f) return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1) {
            out = kb * 1024;
            break;
        }
    fclose(f);
    return out;
}

/* What the v2 control group of this process leaves: limit minus use, reclaimable file pages not
 * counted as use. UINT64_MAX: no limit. */
static uint64_t cgroup_rest(void) {
    char line[512], path[640];
    FILE *f = fopen("/proc/self/cgroup", "r");
    if (!f) return UINT64_MAX;
    path[0] = 0;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "0::", 3) == 0) {
            line[strcspn(line, "\n")] = 0;
            snprintf(path, sizeof path, "/sys/fs/cgroup%s", line + 3);
        }
    fclose(f);
    if (!path[0]) return UINT64_MAX;
    char name[704];
    snprintf(name, sizeof name, "%s/memory.max", path);
    uint64_t max = read_number(name);
    if (max == UINT64_MAX) return UINT64_MAX;
    snprintf(name, sizeof name, "%s/memory.current", path);
    uint64_t now = read_number(name), cached = 0;
    if (now == UINT64_MAX) return max;
    snprintf(name, sizeof name, "%s/memory.stat", path);
    f = fopen(name, "r");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long long v;
        if (sscanf(line, "inactive_file %llu", &v) == 1) cached = v;
    }
    if (f) fclose(f);
    now = now > cached ? now - cached : 0;
    return max > now ? max - now : 0;
}

uint64_t sf_memory_available(void) {
    uint64_t system = mem_available(), group = cgroup_rest();
    return system && system < group ? system : group == UINT64_MAX ? system : group;
}
