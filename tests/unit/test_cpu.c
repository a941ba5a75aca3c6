/* SPDX-License-Identifier: MIT
 * test_cpu.c - what may be used, decided from register values of CPUs real and made up.
 */
#include "cpu.h"
#include "harness.h"

/* Registers of a CPU with everything, under a system that saves everything. */
static struct sf_cpuid everything(void) {
    return (struct sf_cpuid){
        .max_leaf = 0x20,
        .leaf1_ecx = 1u << 27 | 1u << 28 | 1u << 29,
        .leaf7_ebx = 1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31,
        .leaf7_ecx = 1u << 11,
        .leaf7_1_eax = 1u << 4,
        .xcr0 = 0xE7,
    };
}
enum { X86_ALL = SF_CPU_AVX2 | SF_CPU_F16C | SF_CPU_AVXVNNI | SF_CPU_AVX512 | SF_CPU_AVX512VNNI };

static void x86_everything(void **state) {
    SF_UNUSED(state);
    struct sf_cpuid c = everything();
    assert_int_equal(sf_cpu_flags(&c), X86_ALL);
    c.xcr0 |= 0x60000; /* more state (AMX) changes nothing */
    assert_int_equal(sf_cpu_flags(&c), X86_ALL);
}

static void x86_system_saves_less(void **state) {
    SF_UNUSED(state);
    struct sf_cpuid c = everything();
    c.xcr0 = 0x07; /* YMM, but no ZMM state */
    assert_int_equal(sf_cpu_flags(&c), SF_CPU_AVX2 | SF_CPU_F16C | SF_CPU_AVXVNNI);
    const uint64_t partly[] = {0x27, 0x67, 0xA7, 0xC7}; /* ZMM state with a part missing */
    for (size_t i = 0; i < SF_COUNT(partly); i++) {
        c.xcr0 = partly[i];
        assert_int_equal(sf_cpu_flags(&c), SF_CPU_AVX2 | SF_CPU_F16C | SF_CPU_AVXVNNI);
    }
    const uint64_t no_ymm[] = {0, 1, 3, 5, 0xE3, 0xE5}; /* the rest without YMM or XMM is nothing */
    for (size_t i = 0; i < SF_COUNT(no_ymm); i++) {
        c.xcr0 = no_ymm[i];
        assert_int_equal(sf_cpu_flags(&c), 0);
    }
    c = everything();
    c.leaf1_ecx &= ~(1u << 27); /* OSXSAVE off: xcr0 cannot be known, whatever the field holds */
    assert_int_equal(sf_cpu_flags(&c), 0);
}

static void x86_old_leaf(void **state) {
    SF_UNUSED(state);
    struct sf_cpuid c = everything();
    c.max_leaf = 6; /* what stands in leaf 7 is then noise */
    assert_int_equal(sf_cpu_flags(&c), SF_CPU_F16C);
    c.max_leaf = 0;
    assert_int_equal(sf_cpu_flags(&c), 0);
}

static void x86_one_bit_missing(void **state) {
    SF_UNUSED(state);
    struct sf_cpuid c = everything();
    c.leaf1_ecx &= ~(1u << 28);
    assert_int_equal(sf_cpu_flags(&c), 0);
    c = everything();
    c.leaf1_ecx &= ~(1u << 29);
    assert_int_equal(sf_cpu_flags(&c), X86_ALL & ~SF_CPU_F16C);
    c = everything();
    c.leaf7_1_eax = 0;
    assert_int_equal(sf_cpu_flags(&c), X86_ALL & ~SF_CPU_AVXVNNI);
    c = everything();
    c.leaf7_ebx &= ~(1u << 5);
    assert_int_equal(sf_cpu_flags(&c), X86_ALL & ~(SF_CPU_AVX2 | SF_CPU_AVXVNNI));
    c = everything();
    c.leaf7_ecx = 0;
    assert_int_equal(sf_cpu_flags(&c), X86_ALL & ~SF_CPU_AVX512VNNI);
    const int parts[] = {16, 17, 30, 31}; /* F, DQ, BW, VL: all or nothing */
    for (size_t i = 0; i < SF_COUNT(parts); i++) {
        c = everything();
        c.leaf7_ebx &= ~(1u << parts[i]);
        assert_int_equal(sf_cpu_flags(&c), SF_CPU_AVX2 | SF_CPU_F16C | SF_CPU_AVXVNNI);
    }
}

/* Kernel values as Linux reports them for the cores of three boards. */
static void arm_boards(void **state) {
    SF_UNUSED(state);
    struct sf_cpuid c = {.hwcap = 0x8fb};
    assert_int_equal(sf_cpu_flags(&c), SF_CPU_NEON);
    c.hwcap = 0x119ffb;
    assert_int_equal(sf_cpu_flags(&c), SF_CPU_NEON | SF_CPU_DOTPROD);
    c.hwcap = 0xecbffffb;
    c.hwcap2 = 0x76181; /* bit 13 set */
    assert_int_equal(sf_cpu_flags(&c), SF_CPU_NEON | SF_CPU_DOTPROD | SF_CPU_I8MM);
    c.hwcap = 1u << 20; /* no NEON: nothing */
    assert_int_equal(sf_cpu_flags(&c), 0);
}

static void this_machine(void **state) {
    SF_UNUSED(state);
    struct sf_cpuid c;
    memset(&c, 0xA5, sizeof c); /* every field is written */
    sf_cpuid_read(&c);
    unsigned flags = sf_cpu_flags(&c);
#if defined(__x86_64__)
    assert_int_equal(c.hwcap | c.hwcap2, 0);
    assert_int_equal(flags & SF_CPU_NEON, 0);
    /* The compiler's run-time library asks the same registers by its own code. */
    assert_int_equal(!!(flags & SF_CPU_AVX2), !!__builtin_cpu_supports("avx2"));
    assert_int_equal(!!(flags & SF_CPU_AVX512VNNI), !!__builtin_cpu_supports("avx512vnni"));
#elif defined(__aarch64__)
    assert_true(flags & SF_CPU_NEON);
    assert_int_equal(c.leaf1_ecx | c.max_leaf | c.xcr0, 0);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x86_everything), cmocka_unit_test(x86_system_saves_less),
        cmocka_unit_test(x86_old_leaf),   cmocka_unit_test(x86_one_bit_missing),
        cmocka_unit_test(arm_boards),     cmocka_unit_test(this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
