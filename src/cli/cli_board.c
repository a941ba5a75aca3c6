/* SPDX-License-Identifier: MIT
 * cli_board.c - board details from /proc/device-tree, cpufreq, thermal zones and the firmware's flags.
 */
#include "cli_board.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First line of root + path without what is not printable; false if there is none. */
static bool first_line(const char *root, const char *path, char *out, size_t cap) {
    char full[512], line[256];
    *out = 0;
    if (snprintf(full, sizeof full, "%s%s", root, path) >= (int)sizeof full) return false;
    FILE *f = fopen(full, "r");
    if (!f) return false;
    size_t n = fread(line, 1, sizeof line - 1, f), used = 0;
    fclose(f);
    for (size_t i = 0; i < n && line[i] && line[i] != '\n' && used + 1 < cap; i++)
        if (isprint((unsigned char)line[i])) out[used++] = line[i];
    out[used] = 0;
    return used;
}

static double number(const char *root, const char *path, double unit) {
    char line[64], *end;
    if (!first_line(root, path, line, sizeof line)) return 0;
    double v = strtod(line, &end);
    return end != line && v > 0 && v < 1e12 ? v / unit : 0;
}

/* The firmware's word; where the kernel has none, the under-voltage alarm of the hwmon driver. */
static long throttled(const char *root) {
    char line[64], path[128], *end;
    if (first_line(root, "/sys/devices/platform/soc/soc:firmware/get_throttled", line,
                   sizeof line)) {
        long v = strtol(line, &end, 16);
        if (end != line && v >= 0) return v;
    }
    for (int i = 0; i < 16; i++) {
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon%d/name", i);
        if (!first_line(root, path, line, sizeof line) || strcmp(line, "rpi_volt")) continue;
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon%d/in0_lcrit_alarm", i);
        if (first_line(root, path, line, sizeof line)) return line[0] == '1' ? SF_UNDER_VOLTAGE : 0;
    }
    return -1;
}

void sf_board_read(struct sf_board *b, const char *root) {
    memset(b, 0, sizeof *b);
    const char *cpufreq = "/sys/devices/system/cpu/cpu0/cpufreq";
    char path[128];
    if (!first_line(root, "/proc/device-tree/model", b->name, sizeof b->name))
        first_line(root, "/sys/class/dmi/id/product_name", b->name, sizeof b->name);
    snprintf(path, sizeof path, "%s/scaling_governor", cpufreq);
    first_line(root, path, b->governor, sizeof b->governor);
    snprintf(path, sizeof path, "%s/scaling_cur_freq", cpufreq);
    b->clock = number(root, path, 1e3);
    snprintf(path, sizeof path, "%s/cpuinfo_max_freq", cpufreq);
    b->most = number(root, path, 1e3);
    b->temperature = number(root, "/sys/class/thermal/thermal_zone0/temp", 1e3);
    b->throttled = throttled(root);
}

bool sf_board_trouble(const struct sf_board *b, char *line, size_t cap) {
    static const struct {
        long bit;
        const char *now, *before;
    } flags[] = {
        {SF_UNDER_VOLTAGE, "under-voltage now (use the board's own power supply)",
         "under-voltage since start"},
        {SF_CLOCK_CAPPED, "clock capped now", "clock capped since start"},
        {SF_THROTTLED, "throttled now (cool the board)", "throttled since start"},
        {SF_SOFT_LIMIT, "at the soft temperature limit now (cool the board)",
         "at the soft temperature limit since start"},
    };
    size_t used = 0;
    *line = 0;
    for (size_t i = 0; i < sizeof flags / sizeof *flags && b->throttled > 0; i++) {
        const char *what = b->throttled & flags[i].bit         ? flags[i].now
                           : b->throttled & flags[i].bit << 16 ? flags[i].before
                                                               : NULL;
        if (!what || used + strlen(what) + 3 > cap) continue;
        used += (size_t)snprintf(line + used, cap - used, "%s%s", used ? ", " : "", what);
    }
    return used;
}

bool sf_board_slowed(const struct sf_board *before, const struct sf_board *after) {
    long was = before->throttled > 0 ? before->throttled : 0;
    long is = after->throttled > 0 ? after->throttled : 0;
    long slow = SF_CLOCK_CAPPED | SF_THROTTLED | SF_SOFT_LIMIT;
    if (is & slow || is & ~was & slow << 16) return true;
    return before->clock > 0 && after->clock > 0 && after->clock < 0.9 * before->clock;
}
