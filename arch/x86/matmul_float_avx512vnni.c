/* SPDX-License-Identifier: MIT
 * matmul_float_avx512vnni.c - F32, F16 and BF16 weights: widened exactly, element by element,
 * product and sum rounded apart.
 */
#include "matmul_avx512vnni.h"

enum { AREA = 512 * SF_TOKENS };

/* Element e of token i of a tile of nt tokens at [e * nt + i]. */
struct tile_acts {
    _Alignas(64) float f[AREA];
};

static void fill(void *acts, enum sf_type t, const struct sf_acts *x, size_t t0, size_t n,
                 size_t nt, size_t c, size_t cols) {
    struct tile_acts *a = acts;
    SF_UNUSED(t);
    for (size_t i = 0; i < nt; i++) {
        const float *f = x->f + (t0 + i) * x->k + c;
        for (size_t e = 0; e < cols; e++) a->f[e * nt + i] = i < n ? f[e] : 0.0f;
    }
}

/* Element of 16 rows. */
SF_INLINE __m512 widen(enum sf_type t, const uint8_t *p) {
    if (t == SF_T_F32) return _mm512_loadu_ps((const void *)p);
    if (t == SF_T_F16) return sf_halves(p);
    const __m512i bits =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
}

/* nt tokens, ng groups from `group` on. */
SF_INLINE void tile(enum sf_type t, const int nt, const int ng, const struct sf_strip *s,
                    size_t group) {
    const size_t bytes = SF_PACK_ROWS * sf_x86_types[t].bytes;
    const float *f = ((const struct tile_acts *)s->acts)->f;
    const uint8_t *g = s->g + group * s->step;
    __m512 acc[2 * SF_TOKENS];
    SF_UNROLL(32)
    for (int i = 0; i < nt * ng; i++)
        acc[i] = sf_begin(s, (size_t)(i % nt), group + (size_t)(i / nt));
    for (size_t e = 0; e < s->blocks; e++, g += bytes, f += nt) {
        SF_UNROLL(4)
        for (int j = 0; j < ng; j++) {
            const uint8_t *p = g + (size_t)j * s->step;
            const __m512 w = widen(t, p);
            sf_ahead(p, bytes);
            SF_UNROLL(16)
            for (int i = 0; i < nt; i++)
                acc[j * nt + i] =
                    _mm512_add_ps(acc[j * nt + i], _mm512_mul_ps(w, _mm512_set1_ps(f[i])));
        }
    }
    SF_UNROLL(32)
    for (int i = 0; i < nt * ng; i++) sf_end(s, (size_t)(i % nt), group + (size_t)(i / nt), acc[i]);
}

SF_MATMUL_AVX512(F32, f32r16_f32, tile, 1, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(F16, f16r16_f32, tile, 1, struct tile_acts, AREA, fill)
SF_MATMUL_AVX512(BF16, bf16r16_f32, tile, 1, struct tile_acts, AREA, fill)

void sf_fill_matmul_float_avx512vnni(struct sf_kernels *k) {
    SF_MATMUL_SET(F32, f32r16_f32);
    SF_MATMUL_SET(F16, f16r16_f32);
    SF_MATMUL_SET(BF16, bf16r16_f32);
}
