/* SPDX-License-Identifier: MIT
 * test_folder.h - a folder of a test's own, below the working folder: make_folder and remove_folder
 * are a group's setup and teardown, at("name") is a path in it.
 */
#ifndef SF_TEST_FOLDER_H
#define SF_TEST_FOLDER_H

#include <stdlib.h>

#include "harness.h"

static char folder[400];

static inline int make_folder(void **state) {
    SF_UNUSED(state);
    if (!getcwd(folder, sizeof folder - 20)) return -1;
    strcat(folder, "/folder-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state) {
    SF_UNUSED(state);
    char cmd[500];
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", folder);
    return system(cmd);
}

/* Four names may be in use at a time. */
static inline const char *at(const char *name) {
    static char buf[4][512];
    static int i;
    i = (i + 1) % 4;
    snprintf(buf[i], sizeof buf[i], "%s/%s", folder, name);
    return buf[i];
}

/* expr, which hands its error to `err`, fails with this status and a text that holds part. */
#define expect_status(expr, want, part)                                                            \
    do {                                                                                           \
        surefoot_error e_ = {0}, *err = &e_;                                                       \
        assert_int_equal(expr, want);                                                              \
        assert_int_equal(e_.code, want);                                                           \
        if (!strstr(e_.text, part)) fail_msg("'%s' lacks '%s'", e_.text, part);                    \
        assert_int_equal(expr, want); /* and again */                                              \
    } while (0)

#endif
