/* SPDX-License-Identifier: MIT
 * pack.h - the row-interleaved layout that kernels read, shared with the loader.
 *
 * SF_PACK_ROWS = 16 rows form a group, so that a SIMD lane owns an output row and walks the blocks
 * in order (architecture rule: the same float operations in the same order on every level).
 * The layout is lossless and has the file's own size (rows rounded up to 16, zero blocks added).
 * One group of a block type, block b, row r of 16:
 *
 *     halves   n_half x 16 x binary16     half h of row r at  2 * (16 h + r)
 *     words    n_word x 16 x 4 bytes      word w of row r at  32 * n_half + 4 * (16 w + r)
 *
 * words are the bytes of the file's block without the halves, in file order, 4 at a time (so a
 * word of Q4_0 holds weights 4w..4w+3 in its low nibbles and 16+4w..16+4w+3 in its high ones).
 * Plain number types (F32, F16, BF16): element k of row r at  size * (16 k + r).
 * Groups follow one another: group g starts at g * (cols / block) * 16 * bytes.
 */
#ifndef SF_PACK_H
#define SF_PACK_H

#include "types.h"

#define SF_PACK_ROWS 16

/* Bytes of the packed form of rows x cols; false on overflow. */
bool sf_pack_size(size_t *out, enum sf_type t, size_t rows, size_t cols);
/* Packs groups [group0, group1) of a tensor of rows x cols from file layout into packed (the start
 * of the whole packed tensor). Groups are independent: any split over threads gives the same. */
void sf_pack_groups(void *packed, const void *file_rows, enum sf_type t, size_t rows, size_t cols,
                    size_t group0, size_t group1);
/* Copies one row back to file layout (cols / block blocks): embedding look-up, tests. */
void sf_pack_get_row(void *file_row, const void *packed, enum sf_type t, size_t cols, size_t row);

#endif
