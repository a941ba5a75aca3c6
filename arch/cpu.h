/* SPDX-License-Identifier: MIT
 * cpu.h - what this CPU and its operating system can run. Pure functions, no globals.
 */
#ifndef SF_CPU_H
#define SF_CPU_H

#include "base.h"

enum {
    SF_CPU_AVX2 = 1 << 0,       /* with OS support for YMM state                */
    SF_CPU_F16C = 1 << 1,
    SF_CPU_AVXVNNI = 1 << 2,    /* 256-bit vpdpbusd, VEX                        */
    SF_CPU_AVX512 = 1 << 3,     /* F, BW, VL, DQ, with OS support for ZMM state */
    SF_CPU_AVX512VNNI = 1 << 4,
    SF_CPU_NEON = 1 << 5,
    SF_CPU_DOTPROD = 1 << 6,
    SF_CPU_I8MM = 1 << 7,
};

/* Raw register values, so that a test can hand in any CPU. */
struct sf_cpuid {
    uint32_t leaf1_ecx, leaf7_ebx, leaf7_ecx, leaf7_1_eax, max_leaf;
    uint64_t xcr0;         /* 0 when OSXSAVE is off */
    uint64_t hwcap, hwcap2; /* arm */
};
void sf_cpuid_read(struct sf_cpuid *c);
unsigned sf_cpu_flags(const struct sf_cpuid *c);

#endif
