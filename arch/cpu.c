/* SPDX-License-Identifier: MIT
 * cpu.c - reads the CPU's identification and decides what may be used.
 *
 * On x86 the CPU alone does not decide: the operating system must save the wide registers on a
 * task switch. XGETBV tells; without asking it a kernel may die of SIGILL or, worse, lose state.
 */
#include "cpu.h"

#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

enum {
    ECX1_OSXSAVE = 1 << 27,
    ECX1_AVX = 1 << 28,
    ECX1_F16C = 1 << 29,
    EBX7_AVX2 = 1 << 5,
    EBX7_AVX512F = 1 << 16,
    EBX7_AVX512DQ = 1 << 17,
    EBX7_AVX512BW = 1 << 30,
    ECX7_AVX512VNNI = 1 << 11,
    EAX7_1_AVXVNNI = 1 << 4,
    XCR0_YMM = 0x06, /* XMM and upper halves of YMM                         */
    XCR0_ZMM = 0xE6, /* these, mask registers, upper halves, ZMM16 to ZMM31 */
    HWCAP_NEON = 1 << 1,
    HWCAP_DOTPROD = 1 << 20,
    HWCAP2_INT8MM = 1 << 13,
};
#define EBX7_AVX512VL (1u << 31)

void sf_cpuid_read(struct sf_cpuid *c) {
    memset(c, 0, sizeof *c);
#if defined(__x86_64__)
    unsigned a, b, cx, d;
    c->max_leaf = __get_cpuid_max(0, NULL);
    if (c->max_leaf >= 1) {
        __cpuid(1, a, b, cx, d);
        c->leaf1_ecx = cx;
    }
    if (c->max_leaf >= 7) {
        unsigned max_subleaf;
        __cpuid_count(7, 0, max_subleaf, b, cx, d);
        c->leaf7_ebx = b;
        c->leaf7_ecx = cx;
        if (max_subleaf >= 1) {
            __cpuid_count(7, 1, a, b, cx, d);
            c->leaf7_1_eax = a;
        }
    }
    if (c->leaf1_ecx & ECX1_OSXSAVE) {
        uint32_t lo, hi;
        __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
        c->xcr0 = (uint64_t)hi << 32 | lo;
    }
#elif defined(__aarch64__) && defined(__linux__)
    c->hwcap = getauxval(AT_HWCAP);
    c->hwcap2 = getauxval(AT_HWCAP2);
#endif
}

unsigned sf_cpu_flags(const struct sf_cpuid *c) {
    unsigned flags = 0;
    uint32_t ecx1 = c->max_leaf >= 1 ? c->leaf1_ecx : 0;
    uint32_t ebx7 = c->max_leaf >= 7 ? c->leaf7_ebx : 0;
    uint32_t ecx7 = c->max_leaf >= 7 ? c->leaf7_ecx : 0;
    uint32_t eax71 = c->max_leaf >= 7 ? c->leaf7_1_eax : 0;
    uint64_t xcr0 = ecx1 & ECX1_OSXSAVE ? c->xcr0 : 0;

    if ((xcr0 & XCR0_YMM) == XCR0_YMM && (ecx1 & ECX1_AVX)) {
        if (ecx1 & ECX1_F16C) flags |= SF_CPU_F16C;
        if (ebx7 & EBX7_AVX2) {
            flags |= SF_CPU_AVX2;
            if (eax71 & EAX7_1_AVXVNNI) flags |= SF_CPU_AVXVNNI;
        }
        const uint32_t all = EBX7_AVX512F | EBX7_AVX512DQ | EBX7_AVX512BW | EBX7_AVX512VL;
        if ((xcr0 & XCR0_ZMM) == XCR0_ZMM && (ebx7 & all) == all) {
            flags |= SF_CPU_AVX512;
            if (ecx7 & ECX7_AVX512VNNI) flags |= SF_CPU_AVX512VNNI;
        }
    }
    if (c->hwcap & HWCAP_NEON) {
        flags |= SF_CPU_NEON;
        if (c->hwcap & HWCAP_DOTPROD) flags |= SF_CPU_DOTPROD;
        if (c->hwcap2 & HWCAP2_INT8MM) flags |= SF_CPU_I8MM;
    }
    return flags;
}
