/* SPDX-License-Identifier: MIT
 * fuzz_safetensors.c - any bytes as a safetensors file, and as JSON read in place. Laws: a refusal has
 * a message and leaves nothing; in what is accepted tensors lie inside the file and apart, are found by
 * name, and their shape agrees with their bytes; a walk over JSON ends, inside the text.
 */
#include <stdio.h>

#include "fuzz.h"
#include "safetensors.h"

static void walk(struct sf_json v, int depth) {
    struct sf_json_walk w;
    struct sf_json key = {0}, e;
    char *text = malloc(v.n + 1);
    size_t n = 0;
    uint64_t u;
    if (!text) exit(1);
    if (sf_json_text(v, text, &n)) FUZZ_CHECK(n <= v.n);
    (void)sf_json_u64(v, &u);
    free(text);
    if (v.n == 0 || (*v.p != '{' && *v.p != '[')) return;
    for (sf_json_walk(&w, v, *v.p); sf_json_next(&w, &key, &e);) {
        FUZZ_CHECK(e.n > 0 && e.p > v.p && e.p + e.n < v.p + v.n);
        if (depth < 3) walk(e, depth + 1);
    }
    FUZZ_CHECK(!w.bad); /* what was whole is well formed inside */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sf_safetensors s;
    surefoot_error e = {0};
    struct sf_json whole;
    if (size < 1u << 16 && sf_json_whole(&whole, (const char *)data, size)) walk(whole, 0);
    if (sf_safetensors_parse(&s, data, size, &e) != SUREFOOT_OK) {
        FUZZ_CHECK(e.text[0] && !s.tensor && s.n == 0);
        return 0;
    }
    for (size_t i = 0; i < s.n; i++) {
        const struct sf_st_tensor *t = &s.tensor[i];
        FUZZ_CHECK(t->offset <= size && t->bytes <= size - t->offset && t->n_dims <= 4);
        char *name = malloc(t->n_name + 1);
        if (!name) exit(1);
        memcpy(name, t->name, t->n_name);
        name[t->n_name] = 0;
        if (strlen(name) == t->n_name) FUZZ_CHECK(sf_safetensors_find(&s, name) == t);
        free(name);
        if (t->type == SF_ST_OTHER) continue;
        size_t n = t->type == SF_ST_F32 ? 4 : 2;
        for (int d = 0; d < 4; d++) n *= (size_t)t->dim[d];
        FUZZ_CHECK(n == t->bytes);
    }
    sf_safetensors_close(&s);
    FUZZ_CHECK(!s.tensor);
    return 0;
}
