/* SPDX-License-Identifier: MIT
 * method.c - the table of methods, and the one method that is the guard itself.
 */
#include "method.h"

#include <string.h>

static const struct sf_method methods[] = {
#define SF_METHOD(name, fn, use, track, title) {name, fn, use, track, title},
#include "methods.def"
#undef SF_METHOD
};

const struct sf_method *sf_method_at(size_t i) {
    return i < SF_COUNT(methods) ? &methods[i] : NULL;
}

const struct sf_method *sf_method_find(const char *name) {
    for (size_t i = 0; i < SF_COUNT(methods); i++)
        if (strcmp(methods[i].name, name) == 0) return &methods[i];
    return NULL;
}

surefoot_status sf_method_guarded(const struct sf_method_job *job, surefoot_stats *stats,
                                  surefoot_error *err) {
    return sf_guard_generate(job->guard, job->run, stats, err);
}
