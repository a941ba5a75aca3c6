/* SPDX-License-Identifier: MIT
 * test_cpu.c - what may be used, decided from register values of CPUs real and made up; and the
 * kernel table filled for them.
 */
#include "cpu.h"
#include "harness.h"
#include "kernels.h"

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

/* ------------------------------------------------------------------ the table */

static void levels(void **state) {
    SF_UNUSED(state);
    assert_string_equal(sf_isa_name(0), "generic");
    assert_int_equal(sf_isa_needs(0), 0);
    assert_null(sf_isa_name(-1));
    assert_null(sf_isa_name(1000));
    assert_int_equal(sf_isa_needs(1000), 0);
    for (int i = 1; sf_isa_name(i); i++) assert_true(sf_isa_needs(i) != 0);
#if defined(__x86_64__)
    assert_string_equal(sf_isa_name(1), "avx2");
    assert_int_equal(sf_isa_needs(1), SF_CPU_AVX2 | SF_CPU_F16C);
#elif defined(__aarch64__)
    assert_string_equal(sf_isa_name(1), "neon");
#endif
}

/* No overlay is called here that the CPU running the test lacks: filling a table is plain code, but
 * of an object with that level's flags. */
static unsigned here(void) {
    struct sf_cpuid c;
    sf_cpuid_read(&c);
    return sf_cpu_flags(&c);
}

static void table_by_flags(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k, ref;
    sf_kernels_ref(&ref);
    memset(&k, 0xA5, sizeof k);
    assert_ok(sf_kernels_init(&k, 0, NULL, err)); /* a CPU with nothing */
    assert_string_equal(k.isa, "generic");
    assert_ptr_equal(k.mm[SF_T_Q4_0].gemm, ref.mm[SF_T_Q4_0].gemm);
    assert_int_equal(k.mm[SF_T_Q4_0].rows, 1);
    assert_null(k.quant[SF_ACT_F32]);
    for (int t = 0; t < SF_T_COUNT; t++) assert_true(k.mm[t].gemv && k.mm[t].gemm);
    assert_true(k.quant[SF_ACT_Q8_32] && k.quant[SF_ACT_Q8_256] && k.rmsnorm && k.rope_norm);
    assert_true(k.rope_neox && k.attn_softmax && k.silu_mul && k.add && k.div && k.exp_sub);
    for (int v = 0; v < SF_KV_COUNT; v++)
        assert_true(k.attn_score[v] && k.attn_mix[v] && k.kv_put_k[v] && k.kv_put_v[v]);

    const char *best = "generic"; /* by itself: the highest that the flags allow */
    for (int i = 0; sf_isa_name(i); i++) {
        const unsigned needs = sf_isa_needs(i);
        if ((needs & here()) != needs) continue;
        best = sf_isa_name(i);
        assert_ok(sf_kernels_init(&k, here(), best, err));
        assert_string_equal(k.isa, best);
        assert_ok(sf_kernels_init(&k, here(), "generic", err)); /* nothing of it stays behind */
        assert_ptr_equal(k.mm[SF_T_Q4_0].gemm, ref.mm[SF_T_Q4_0].gemm);
        for (unsigned bit = 1; bit && bit <= needs;
             bit <<= 1) { /* one flag missing: another level */
            if (!(needs & bit)) continue;
            assert_ok(sf_kernels_init(&k, here() & ~bit, NULL, err));
            assert_string_not_equal(k.isa, best);
        }
    }
    assert_ok(sf_kernels_init(&k, here(), NULL, err));
    assert_string_equal(k.isa, best);
}

static void table_refused(void **state) {
    SF_UNUSED(state);
    struct sf_kernels k;
    surefoot_error e = {0};
    assert_int_equal(sf_kernels_init(&k, here(), "sse9", &e), SUREFOOT_E_USAGE);
    assert_non_null(strstr(e.text, "sse9"));
    assert_int_equal(sf_kernels_init(&k, here(), "", &e), SUREFOOT_E_USAGE);
    char big[4000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(sf_kernels_init(&k, here(), big, &e), SUREFOOT_E_USAGE);
#if defined(__x86_64__)
    const char *mine = "avx2", *other = "neon";
#else
    const char *mine = "neon", *other = "avx2";
#endif
    assert_int_equal(sf_kernels_init(&k, 0, mine, &e), SUREFOOT_E_UNSUPPORTED);
    assert_non_null(strstr(e.text, mine));
    assert_int_equal(sf_kernels_init(&k, ~0u, other, &e), SUREFOOT_E_UNSUPPORTED);
    assert_non_null(strstr(e.text, other));
    assert_int_equal(sf_kernels_init(&k, 0, mine, NULL),
                     SUREFOOT_E_UNSUPPORTED);          /* no err is fine */
    assert_ok(sf_kernels_init(&k, 0, "GENERIC", err)); /* whatever the case */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(x86_everything), cmocka_unit_test(x86_system_saves_less),
        cmocka_unit_test(x86_old_leaf),   cmocka_unit_test(x86_one_bit_missing),
        cmocka_unit_test(arm_boards),     cmocka_unit_test(this_machine),
        cmocka_unit_test(levels),         cmocka_unit_test(table_by_flags),
        cmocka_unit_test(table_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
