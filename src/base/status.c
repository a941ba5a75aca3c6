/* SPDX-License-Identifier: MIT
 * status.c - texts of the statuses, and the one function that fills a surefoot_error.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base.h"

const char *surefoot_status_text(surefoot_status s) {
    switch (s) {
#define SF_STATUS(name, number, cli, text)                                                         \
    case SUREFOOT_##name:                                                                          \
        return text;
#include "status.def"
#undef SF_STATUS
    }
    return "unknown status";
}

int surefoot_status_exit(surefoot_status s) {
    switch (s) {
#define SF_STATUS(name, number, cli, text)                                                         \
    case SUREFOOT_##name:                                                                          \
        return cli;
#include "status.def"
#undef SF_STATUS
    }
    return 1;
}

surefoot_status sf_fail(surefoot_error *err, surefoot_status code, uint64_t where, const char *fmt,
                        ...) {
    if (!err) return code;
    err->code = code;
    err->where = where;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    /* The text may quote names from an untrusted file: nothing in it may steer a terminal. */
    for (char *p = err->text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f) *p = '?';
    return code;
}
