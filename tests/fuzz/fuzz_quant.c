/* SPDX-License-Identifier: MIT
 * fuzz_quant.c - any bytes as blocks of any type. The first byte chooses the type, the rest are
 * blocks. Laws: decode writes exactly its floats; what finite() accepts decodes to finite numbers
 * (but for BF16 and F32, which are the numbers); encoding finite numbers gives finite blocks.
 */
#include <math.h>

#include "fuzz.h"
#include "types.h"

static void encode_all(const float *x, size_t n) {
    for (int t = 0; t < SF_T_COUNT; t++) {
        const struct sf_qtype *q = &sf_qtypes[t];
        size_t blocks = n / q->block;
        if (!q->encode || !blocks) continue;
        unsigned char *out = malloc(blocks * q->bytes);
        float *back = malloc(blocks * q->block * sizeof *back);
        if (!out || !back) exit(1);
        q->encode(out, x, blocks);
        q->decode(back, out, blocks);
        bool rounds_up = t == SF_T_BF16; /* the largest floats round to infinity there */
        FUZZ_CHECK(q->finite(out, blocks) || rounds_up);
        for (size_t i = 0; i < blocks * q->block; i++) FUZZ_CHECK(isfinite(back[i]) || rounds_up);
        free(out);
        free(back);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const struct sf_qtype *q = &sf_qtypes[data[0] % SF_T_COUNT];
    const uint8_t *blocks = data + 1;
    size_t n = (size - 1) / q->bytes, floats = n * q->block;
    if (n > 64) return 0; /* more of the same */
    float *x = malloc(floats ? floats * sizeof *x : 1);
    if (!x) exit(1);
    bool finite = q->finite(blocks, n);
    q->decode(x, blocks, n);
    for (size_t i = 0; i < floats; i++) {
        FUZZ_CHECK(isfinite(x[i]) || !finite);
        if (q->block == 1 && !isfinite(x[i])) FUZZ_CHECK(!finite);
    }
    if (finite) encode_all(x, floats);
    free(x);
    return 0;
}
