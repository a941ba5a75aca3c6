/* SPDX-License-Identifier: MIT
 * quantize.h - tensors in another type: which type a tensor gets (recipes), and its rows through
 * decoder and encoder, in parallel, with the error measured on what a reader will decode.
 */
#ifndef SF_QUANTIZE_H
#define SF_QUANTIZE_H

#include "types.h"

struct sf_recipe { /* one row of the table in quantize.c */
    const char *name;    /* "q4_k_m"; a type's own name: every matrix in that type         */
    uint32_t file_type;  /* general.file_type, a GGUF number                               */
    enum sf_type most;   /* of every matrix that no other column names                     */
    enum sf_type output; /* the output matrix, or the embedding where it is the output     */
    enum sf_type value_some, value; /* attn_v (and attn_qkv): in the layers of `some`, in the others */
    enum sf_type down_some, down;   /* ffn_down, the same way                              */
    enum sf_type attn_output;
    int some;            /* 0: none; 8: the first eighth; 2: the outer half of the layers  */
};
/* NULL: unknown. i: in the order of the table, NULL past the end. */
const struct sf_recipe *sf_recipe_by_name(const char *name);
const struct sf_recipe *sf_recipe_at(size_t i);

/* The type of a tensor under r, given its name (GGUF's), dimensions and the model's layers; tied: there
 * is no output matrix, so the embedding is one. SF_T_COUNT: it stays as it is (one dimension, norms,
 * routers of experts, position tables). Where cols does not fill the type's blocks: the smallest type
 * with blocks of 32 that has no fewer bits, or F16. */
enum sf_type sf_recipe_type(const struct sf_recipe *r, const char *name, size_t n, uint32_t n_dims,
                            uint64_t cols, uint32_t n_layers, bool tied);

struct sf_quantize_error { /* of a tensor; the sums are added row by row */
    double square, norm;   /* sums of (x - y)^2 and x^2 */
    float largest;         /* |x - y| */
    bool finite;           /* false: a number in the source is none */
};
/* rows x cols weights of type from at src as type to at dst, on n_threads. scratch:
 * sf_quantize_scratch bytes. Neither dst nor *e depends on n_threads; *e is added to. */
size_t sf_quantize_scratch(size_t cols, size_t rows, int n_threads);
void sf_quantize_rows(void *dst, enum sf_type to, const void *src, enum sf_type from, size_t rows,
                      size_t cols, int n_threads, void *scratch, struct sf_quantize_error *e);

#endif
