/* SPDX-License-Identifier: MIT
 * gguf_parts.h - what gguf.c, gguf_read.c and gguf_write.c share; nobody else includes it.
 */
#ifndef SF_GGUF_PARTS_H
#define SF_GGUF_PARTS_H

#include "gguf.h"

/* Bytes of one value of type t; 0 for STRING, ARRAY and unknown types. */
size_t sf_gguf_type_bytes(uint32_t t);

/* -1, 0, 1: by length, then by bytes. */
int sf_str_compare(struct sf_str a, struct sf_str b);

/* Sorts order[0..n) by compare, stable, n log n steps whatever the input (merge sort); spare holds n
 * more. compare(items, a, b) compares items a and b. */
typedef int (*sf_compare_fn)(const void *items, uint32_t a, uint32_t b);
void sf_order(uint32_t *order, uint32_t *spare, size_t n, const void *items, sf_compare_fn compare);

/* Why data is no GGUF file: says what it is instead, if that can be told. Always E_FILE. */
surefoot_status sf_gguf_refuse(const unsigned char *data, size_t size, surefoot_error *err);

/* For messages: %.*s of a name from the file, at most 64 bytes. */
#define SF_SHOW(s) (int)sf_min((s).n, 64), (s).p

#endif
