/* SPDX-License-Identifier: MIT
 * test_pack.c - the interleaved layout: every byte where pack.h puts it, back again, any split over
 * groups, rows that do not fill a group, sizes that overflow.
 */
#include <stdlib.h>

#include "harness.h"
#include "pack.h"

static void layout(void **state) {
    SF_UNUSED(state);
    uint64_t rng = 3;
    for (int t = 0; t < SF_T_COUNT; t++) {
        const struct sf_qtype *q = &sf_qtypes[t];
        for (size_t rows = 1; rows <= 49; rows += 6) {
            const size_t blocks = 3, cols = blocks * q->block, groups = (rows + 15) / 16;
            const size_t row_bytes = blocks * q->bytes;
            size_t bytes;
            assert_true(sf_pack_size(&bytes, (enum sf_type)t, rows, cols));
            assert_int_equal(bytes, groups * 16 * row_bytes);
            uint8_t *file = malloc(rows * row_bytes), *packed = malloc(bytes + 16);
            uint8_t *split = malloc(bytes), *row = malloc(row_bytes + 1);
            for (size_t i = 0; i < rows * row_bytes; i++) file[i] = (uint8_t)sf_rand(&rng);
            memset(packed, 0xEE, bytes + 16);
            sf_pack_groups(packed, file, (enum sf_type)t, rows, cols, 0, groups);
            for (size_t i = 0; i < 16; i++) assert_int_equal(packed[bytes + i], 0xEE);

            /* the formulas of pack.h, byte by byte */
            const size_t unit = q->block == 1 ? q->bytes : 4;
            for (size_t r = 0; r < groups * 16; r++)
                for (size_t b = 0; b < blocks; b++) {
                    const uint8_t *from = file + (r * blocks + b) * q->bytes;
                    const uint8_t *to = packed + (r / 16 * blocks + b) * 16 * q->bytes;
                    size_t word = 0; /* bytes so far that are no half */
                    for (size_t i = 0; i < q->bytes; i++) {
                        size_t at = SIZE_MAX;
                        for (size_t h = 0; h < q->n_half; h++)
                            if (i == q->half[h] || i == q->half[h] + 1)
                                at = 2 * (16 * h + r % 16) + i - q->half[h];
                        if (at == SIZE_MAX) {
                            at = 32 * q->n_half + unit * (16 * (word / unit) + r % 16);
                            at += word++ % unit;
                        }
                        assert_int_equal(to[at], r < rows ? from[i] : 0);
                    }
                }

            /* each group alone, last one first */
            memset(split, 0x11, bytes);
            for (size_t g = groups; g-- > 0;)
                sf_pack_groups(split, file, (enum sf_type)t, rows, cols, g, g + 1);
            assert_memory_equal(split, packed, bytes);

            for (size_t r = 0; r < rows; r++) { /* and back */
                row[row_bytes] = 0x77;
                sf_pack_get_row(row, packed, (enum sf_type)t, cols, r);
                assert_memory_equal(row, file + r * row_bytes, row_bytes);
                assert_int_equal(row[row_bytes], 0x77);
            }
            free(file), free(packed), free(split), free(row);
        }
    }
}

static void sizes(void **state) {
    SF_UNUSED(state);
    size_t n;
    assert_true(sf_pack_size(&n, SF_T_Q4_0, 0, 64));
    assert_int_equal(n, 0);
    assert_true(sf_pack_size(&n, SF_T_Q6_K, 151936, 1536));
    assert_int_equal(n, (size_t)151936 * 6 * 210);
    assert_true(sf_pack_size(&n, SF_T_Q8_0, 17, 32));
    assert_int_equal(n, 32 * 34);
    assert_false(sf_pack_size(&n, SF_T_Q4_0, 16, 33)); /* no whole block */
    assert_false(sf_pack_size(&n, SF_T_Q4_K, SIZE_MAX, 256));
    assert_false(sf_pack_size(&n, SF_T_F32, SIZE_MAX - 14, 1));
    assert_false(sf_pack_size(&n, SF_T_F32, SIZE_MAX / 8, 4));
    assert_false(sf_pack_size(&n, SF_T_Q8_0, 2, SIZE_MAX - 31));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(layout), cmocka_unit_test(sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
