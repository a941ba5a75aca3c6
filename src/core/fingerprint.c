/* SPDX-License-Identifier: MIT
 * fingerprint.c - what a model's weights are, as one number; see model.h.
 */
#include <string.h>

#include "model.h"
#include "sha256.h"

enum { WHOLE = 256 << 10, PIECES = 4, PIECE = 16 << 10 };

static void add_number(struct sf_sha256 *s, uint64_t v) {
    unsigned char b[8];
    for (int i = 0; i < 8; i++) b[i] = (unsigned char)(v >> 8 * i);
    sf_sha256_add(s, b, sizeof b);
}

/* A large tensor is told by pieces from its beginning to its end. */
static void add_data(struct sf_sha256 *s, const unsigned char *p, size_t n) {
    if (n <= WHOLE) {
        sf_sha256_add(s, p, n);
        return;
    }
    for (size_t i = 0; i < PIECES; i++) sf_sha256_add(s, p + (n - PIECE) / (PIECES - 1) * i, PIECE);
}

void sf_gguf_fingerprint(const struct sf_gguf *g, char text[SF_SHA256_TEXT]) {
    struct sf_sha256 s;
    sf_sha256_begin(&s);
    for (size_t i = 0; i < g->n_tensor; i++) {
        const struct sf_gguf_tensor *t = &g->tensor[i];
        sf_sha256_add_sized(&s, t->name.p, t->name.n);
        add_number(&s, t->type);
        for (int d = 0; d < SF_GGUF_MAX_DIMS; d++) add_number(&s, t->dim[d]);
        add_data(&s, g->data + t->offset, t->bytes);
    }
    sf_sha256_end(&s, text);
}

surefoot_status sf_model_fingerprint(const surefoot_model *m, char text[SF_SHA256_TEXT],
                                     surefoot_error *err) {
    struct sf_gguf g = {0};
    if (m->fingerprint[0]) {
        memcpy(text, m->fingerprint, SF_SHA256_TEXT);
        return SUREFOOT_OK;
    }
    SF_TRY(sf_gguf_parse(&g, m->map.data, m->map.size, err));
    sf_gguf_fingerprint(&g, text);
    sf_gguf_close(&g);
    return SUREFOOT_OK;
}
