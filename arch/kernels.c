/* SPDX-License-Identifier: MIT
 * kernels.c - fills the table: plain C first, then the overlays of isa.def that this CPU can run.
 *
 * The build says for which architecture it is by SF_HERE_x86 and SF_HERE_arm (1 or 0); lines of
 * isa.def for another one are known by name only.
 */
#include "kernels.h"

#include <strings.h>

#include "cpu.h"

struct level {
    const char *name;
    unsigned needs;
    void (*overlay)(struct sf_kernels *k);
};

/* SF_ISA(id, arch, needs) -> SF_ROW_1 or SF_ROW_0, by SF_HERE_<arch>. */
#define SF_ROW_1(id, needs) {#id, needs, sf_kernels_##id},
#define SF_ROW_0(id, needs)
#define SF_ISA(id, arch, needs) SF_CAT(SF_ROW_, SF_HERE_##arch)(id, needs)
static const struct level levels[] = {
    {"generic", 0, sf_kernels_ref},
#include "isa.def"
};
#undef SF_ISA

#define SF_ISA(id, arch, needs) #id,
static const char *const everywhere[] = {
#include "isa.def"
};
#undef SF_ISA

const char *sf_isa_name(int i) {
    return i >= 0 && (size_t)i < SF_COUNT(levels) ? levels[i].name : NULL;
}

unsigned sf_isa_needs(int i) {
    return i >= 0 && (size_t)i < SF_COUNT(levels) ? levels[i].needs : 0;
}

/* Index of the level named last, or why there is none. */
static surefoot_status find(size_t *index, unsigned flags, const char *last, surefoot_error *err) {
    for (size_t i = 0; i < SF_COUNT(levels); i++) {
        if (strcasecmp(last, levels[i].name) != 0) continue;
        if ((levels[i].needs & flags) != levels[i].needs)
            return sf_fail(
                err, SUREFOOT_E_UNSUPPORTED, 0,
                "kernel level '%s': this CPU or its system lacks it; leave it out to use "
                "the best one present",
                levels[i].name);
        *index = i;
        return SUREFOOT_OK;
    }
    for (size_t i = 0; i < SF_COUNT(everywhere); i++)
        if (strcasecmp(last, everywhere[i]) == 0)
            return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                           "kernel level '%s' is for another CPU architecture than this build",
                           everywhere[i]);
    return sf_fail(err, SUREFOOT_E_USAGE, 0, "no kernel level '%.32s'; 'generic' is always there",
                   last);
}

surefoot_status sf_kernels_init(struct sf_kernels *k, unsigned flags, const char *last,
                                surefoot_error *err) {
    size_t end = SF_COUNT(levels) - 1;
    if (last) SF_TRY(find(&end, flags, last, err));
    for (size_t i = 0; i <= end; i++) {
        if ((levels[i].needs & flags) != levels[i].needs) continue;
        levels[i].overlay(k);
        k->isa = levels[i].name;
    }
    return SUREFOOT_OK;
}
