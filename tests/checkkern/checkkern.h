/* SPDX-License-Identifier: MIT
 * checkkern.h - what the files of the parity tool share: guarded memory, hostile inputs, and the
 * comparison of a kernel with the reference.
 *
 * A check fills inputs, calls the slot of the reference and of the level under test on copies, and
 * compares bits. Memory around every buffer is watched, and may end at a page nobody may touch.
 */
#ifndef CHECKKERN_H
#define CHECKKERN_H

#include <stdio.h>
#include <string.h>

#include "kernels.h"

enum { CK_AREAS = 10 };

/* Of one slot: what its inputs and outputs looked like. Too little variety is a failure. */
struct ck_spread {
    uint32_t bytes[256];   /* weight bytes                                       */
    uint32_t halves[6];    /* weight scales by kind, see ck_fill_blocks          */
    uint32_t patterns[16]; /* of float inputs                                    */
    bool q_min, q_max;     /* -127 and 127 seen in activations                   */
    uint64_t outputs[64];  /* one bit per hash of an output value                */
    size_t values, zeros;  /* outputs, and how many of them were zero            */
    bool weights, floats;  /* which of the above this slot has                   */
};

struct ck {
    const struct sf_kernels *ref, *got;
    const char *suffix; /* of kernel names: the level, "ref" for the reference     */
    char name[96];      /* of the kernel in hand                                   */
    uint64_t seed, rng;
    bool quiet; /* self-test: failures are wanted                          */
    bool quick; /* fewer cases (emulators, sanitizers)                     */
    bool plain;            /* inputs of ordinary values only (shapes tried once)                 */
    bool hashing;          /* ck_same adds what the kernel gave to hash (on unless switched off) */
    uint64_t hash;         /* of all outputs: the same on every level, compiler and machine      */
    size_t cases, fails, printed;
    struct ck_spread spread;
};

/* A slot of the table: what it is called, which pointers it has, and how it is checked. */
struct ck_slot {
    char op[24], what[24]; /* sf_<op>_<what>_<level>; rows are added to what for matrices */
    size_t at;             /* offset of its (first) pointer in struct sf_kernels          */
    int pointers;          /* how many                                                    */
    int arg, bench_arg;    /* type or kind                                                */
    void (*check)(struct ck *c, int arg);
    /* tokens: of a matrix product; bytes: those of the weights, or read. */
    void (*bench)(const struct sf_kernels *k, int arg, int tokens, double *ns, double *bytes);
};
enum { CK_MAX_SLOTS = 64 };
int ck_slots(struct ck_slot slots[CK_MAX_SLOTS]);
int ck_slots_matmul(struct ck_slot *slots);
int ck_slots_vector(struct ck_slot *slots);
bool ck_slot_differs(const struct ck_slot *s, const struct sf_kernels *a,
                     const struct sf_kernels *b);
/* Prints the kernel's name in the grammar of arch/README.md; op NULL: the slot's own. */
void ck_slot_name(char out[96], const struct ck_slot *s, const char *op, const struct sf_kernels *k,
                  const char *suffix);

/* --- memory: area i of `bytes`, elements of `elem` bytes (alignment is at least that), poisoned,
 * canaries around it. Where it lies is random: against the guard page behind, against the one
 * before, or anywhere in between; a multiple of `align` always. */
void *ck_area(struct ck *c, int i, size_t bytes, size_t elem, size_t align);
/* Seals an input: ck_intact then also fails if it was written to. */
void ck_seal(int i);
/* Canaries and seals of all areas in use; reports. */
bool ck_intact(struct ck *c);
/* Adds bytes to the hash of outputs. */
void ck_hash(struct ck *c, const void *bytes, size_t n);
/* A new case begins: areas are forgotten, random numbers start from seed and case number, so that
 * inputs do not depend on how many the kernels' layouts took before. */
void ck_begin(struct ck *c);

/* --- random and hostile values */
uint64_t ck_rand(struct ck *c);
static inline size_t ck_below(struct ck *c, size_t n) {
    return (size_t)(ck_rand(c) % n);
}
float ck_unit(struct ck *c); /* [-1, 1) */
enum {
    CK_F_ZERO,
    CK_F_MAX,
    CK_F_MIN,
    CK_F_ALTERNATING,
    CK_F_SPARSE,
    CK_F_RUNS,
    CK_F_NORMAL,
    CK_F_SUBNORMAL,
    CK_F_WIDE,
    CK_F_ZEROS_SIGNED,
    CK_F_HALF_EDGE,
    CK_F_SMALL,
    CK_F_PATTERNS,
    CK_F_NONFINITE = CK_F_PATTERNS, /* only for "does not crash" */
};
void ck_fill_f32(struct ck *c, float *x, size_t n, int pattern);
/* n blocks of type t: bytes and scales by pattern, all finite. Returns the printed pattern number. */
int ck_fill_blocks(struct ck *c, uint8_t *blocks, enum sf_type t, size_t n);
/* n x k activations of the form of type t; fields of *a are set, areas area..area+2 used. */
void ck_fill_acts(struct ck *c, struct sf_acts *a, enum sf_act form, size_t n, size_t k, int area);

/* --- calling and comparing */
typedef void (*ck_fn)(const struct sf_kernels *k, void *args);
/* Runs fn under signal handlers; reports a signal as a failure and returns false. */
bool ck_call(struct ck *c, ck_fn fn, const struct sf_kernels *k, void *args);
void ck_fail(struct ck *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bits of n floats equal (two NaN are equal); records spread and hash. what: appended to the message. */
bool ck_same(struct ck *c, const float *ref, const float *got, size_t n, const char *what);
/* Nanoseconds of one call, the best of several rounds. */
double ck_time(ck_fn fn, const struct sf_kernels *k, void *args);
/* Judges the spread of the slot just checked. */
void ck_judge_spread(struct ck *c);

/* --- speed: lines for every type (or the one named) and 1, 2, 4 .. threads (ck_speed.c) */
int ck_speed(const struct sf_kernels *k, const char *isa, const char *only, int max_threads,
             bool json);

/* --- self-test */
int ck_selftest(uint64_t seed, bool verbose);

#endif
