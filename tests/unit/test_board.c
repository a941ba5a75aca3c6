/* SPDX-License-Identifier: MIT
 * test_board.c - board details read from a folder that stands for a machine.
 */
#include "../../src/cli/cli_board.c"
#include "harness.h"

#include <sys/stat.h>
#include <unistd.h>

static char root[] = "board-XXXXXX";

static void put(const char *path, const char *text, size_t n) {
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        mkdir(full, 0700);
        *p = '/';
    }
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}
#define PUT(path, text) put(path, text, sizeof text - 1)

static void unknown(void **state) {
    SF_UNUSED(state);
    struct sf_board b;
    char line[256];
    sf_board_read(&b, "/nowhere/at/all");
    assert_string_equal(b.name, "");
    assert_string_equal(b.governor, "");
    assert_int_equal(b.throttled, -1);
    assert_true(b.clock == 0 && b.most == 0 && b.temperature == 0);
    assert_false(sf_board_trouble(&b, line, sizeof line));
    assert_string_equal(line, "");
    assert_false(sf_board_slowed(&b, &b));
}

static void raspberry(void **state) {
    SF_UNUSED(state);
    struct sf_board b, later;
    char line[256];
    PUT("/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0");
    PUT("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "ondemand\n");
    PUT("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "2400000\n");
    PUT("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "2400000\n");
    PUT("/sys/class/thermal/thermal_zone0/temp", "61250\n");
    PUT("/sys/devices/platform/soc/soc:firmware/get_throttled", "0\n");
    sf_board_read(&b, root);
    assert_string_equal(b.name, "Raspberry Pi 5 Model B Rev 1.0");
    assert_string_equal(b.governor, "ondemand");
    assert_true(b.clock == 2400 && b.most == 2400 && b.temperature == 61.25);
    assert_int_equal(b.throttled, 0);
    assert_false(sf_board_trouble(&b, line, sizeof line));

    PUT("/sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n");
    sf_board_read(&later, root);
    assert_int_equal(later.throttled, 0x50005);
    assert_true(sf_board_trouble(&later, line, sizeof line));
    assert_non_null(strstr(line, "under-voltage now"));
    assert_non_null(strstr(line, "throttled now"));
    assert_null(strstr(line, "capped"));
    assert_true(sf_board_slowed(&b, &later));

    later.throttled = 0x50000; /* over again, but it happened in between */
    assert_true(sf_board_slowed(&b, &later));
    assert_true(sf_board_trouble(&later, line, sizeof line));
    assert_non_null(strstr(line, "throttled since start"));
    assert_false(sf_board_slowed(&later, &later)); /* an old story */

    later = b;
    later.clock = 1500;
    assert_true(sf_board_slowed(&b, &later));
    assert_false(sf_board_slowed(&later, &b));
    assert_true(
        sf_board_trouble(&(struct sf_board){.throttled = 0xf}, line, 40)); /* cut, whole words */
    assert_true(strlen(line) < 40);
}

static void hostile(void **state) {
    SF_UNUSED(state);
    struct sf_board b;
    static char big[100000];
    memset(big, 'x', sizeof big);
    put("/proc/device-tree/model", big, sizeof big);
    PUT("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "\x1b[31mred\n");
    PUT("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "nan\n");
    PUT("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "1e400\n");
    PUT("/sys/class/thermal/thermal_zone0/temp", "-5\n");
    PUT("/sys/devices/platform/soc/soc:firmware/get_throttled", "zz\n");
    PUT("/sys/class/hwmon/hwmon3/name", "rpi_volt\n");
    PUT("/sys/class/hwmon/hwmon3/in0_lcrit_alarm", "1\n");
    sf_board_read(&b, root);
    assert_int_equal(strlen(b.name), sizeof b.name - 1);
    assert_string_equal(b.governor, "[31mred");
    assert_true(b.clock == 0 && b.most == 0 && b.temperature == 0);
    assert_int_equal(b.throttled, SF_UNDER_VOLTAGE);
}

int main(void) {
    if (!mkdtemp(root)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(unknown), cmocka_unit_test(raspberry),
                                       cmocka_unit_test(hostile)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char remove[64];
    snprintf(remove, sizeof remove, "rm -rf %s", root);
    return system(remove) || failed;
}
