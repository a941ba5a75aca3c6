/* SPDX-License-Identifier: MIT
 * cmd_inspect.c - what a GGUF file holds, read from its tables alone: nothing is loaded. A file of
 * a family or type we lack is still described, with the reason.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "model.h"
#include "packed.h"
#include "types.h"

struct facts {
    struct sf_cli *cli;
    struct sf_map map;
    struct sf_gguf g;
    char arch[64], name[256], file_type[16];
    surefoot_error why; /* why it cannot run; .text empty: it can */
    struct sf_config shape;
    bool has_config;
    struct sf_tokenizer *tok; /* NULL: none, or one we lack */
    char tok_model[64], tok_pre[64];
    surefoot_error tok_why;
    const char *chat; /* name, NULL: none, or one that cannot run */
    surefoot_error chat_why;
    bool has_template;
    uint64_t n_params, tensor_bytes;
    struct sf_model_need need; /* session 0: not known */
    uint32_t n_ctx;
    uint64_t available;
};

/* ----------------------------------------------------------------------------------- reading */

static void get_text(const struct sf_gguf *g, const char *key, char *out, size_t cap) {
    struct sf_str s = {0};
    bool found = false;
    *out = 0;
    if (sf_gguf_get_str(g, key, &s, &found, NULL) != SUREFOOT_OK || !found) return;
    char clean[3 * 256];
    size_t n = sf_cli_clean(s.p, s.n < 256 ? s.n : 256, clean);
    if (n >= cap) n = cap - 1;
    memcpy(out, clean, n);
    out[n] = 0;
    for (char *p = out; *p; p++)
        if (*p == '\n' || *p == '\t') *p = ' ';
}

static void read_tensors(struct facts *f) {
    for (size_t i = 0; i < f->g.n_tensor; i++) {
        const struct sf_gguf_tensor *t = &f->g.tensor[i];
        uint64_t n = 1;
        for (int d = 0; d < SF_GGUF_MAX_DIMS; d++) n *= t->dim[d];
        f->n_params += n;
        f->tensor_bytes += t->bytes;
    }
}

static void read_family(struct facts *f) {
    struct sf_str s = {0};
    bool found = false;
    surefoot_error err = {0};
    surefoot_status st = sf_gguf_get_str(&f->g, "general.architecture", &s, &found, &err);
    const struct sf_family *family = st == SUREFOOT_OK && found ? sf_family_find(s) : NULL;
    if (family) st = sf_config_read(&f->shape, family, &f->g, &err);
    f->has_config = family && st == SUREFOOT_OK;
}

static void read_tokenizer(struct facts *f) {
    struct sf_str s = {0};
    bool found = false;
    get_text(&f->g, "tokenizer.ggml.model", f->tok_model, sizeof f->tok_model);
    get_text(&f->g, "tokenizer.ggml.pre", f->tok_pre, sizeof f->tok_pre);
    if (f->tok_model[0]) sf_tokenizer_open(&f->tok, &f->g, &f->tok_why);
    if (f->tok) f->shape.n_vocab = (uint32_t)sf_tokenizer_n_vocab(f->tok);
    if (sf_gguf_get_str(&f->g, "tokenizer.chat_template", &s, &found, NULL) == SUREFOOT_OK &&
        found) {
        enum sf_chat chat = sf_chat_recognise(s.p, s.n);
        f->has_template = true;
        struct sf_chat_template *own = NULL;
        if (sf_chat_open_gguf(&own, &f->g, &f->chat_why) == SUREFOOT_OK && own)
            f->chat = chat == SF_CHAT_NONE ? "custom" : sf_chat_name(chat);
        sf_chat_close(own);
    }
}

/* What the loader would take, and what it would say; it sees only the tables. */
static int read_memory(struct facts *f) {
    surefoot_session_options o;
    int code = sf_cli_session_options(f->cli, &o);
    if (code) return code;
    f->available = sf_memory_available();
    uint32_t trained = f->shape.n_ctx_train;
    f->n_ctx = o.n_ctx ? o.n_ctx : trained < 4096 ? trained : 4096;
    if (!f->g.n_tensor)
        sf_fail(&f->why, SUREFOOT_E_FILE, 0, "the file holds no tensors (a vocabulary at most)");
    else if (sf_model_measure(&f->need, &f->g, f->map.copy, f->cli->isa, &o, &f->why) !=
             SUREFOOT_OK)
        f->need.session = 0;
    if (f->why.code == SUREFOOT_E_USAGE) return sf_cli_status(f->why.code, &f->why); /* -c */
    return 0;
}

/* "Q4_0", or what most bytes are in. */
static void main_type(struct facts *f) {
    uint64_t bytes[256] = {0}, best = 0;
    snprintf(f->file_type, sizeof f->file_type, "none");
    for (size_t i = 0; i < f->g.n_tensor; i++) {
        uint32_t type = f->g.tensor[i].type & 255;
        const char *name = sf_gguf_type_name(type);
        bytes[type] += f->g.tensor[i].bytes + 1;
        if (bytes[type] <= best) continue;
        best = bytes[type];
        snprintf(f->file_type, sizeof f->file_type, "%s", name ? name : "unknown");
    }
}

/* ------------------------------------------------------------------------------------ values */

static int64_t whole(const struct sf_gguf *g, const struct sf_gguf_kv *kv) {
    static const int width[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    uint64_t v = 0;
    int n = width[kv->type];
    for (int i = 0; i < n; i++) v |= (uint64_t)g->data[kv->offset + (size_t)i] << 8 * i;
    bool is_signed = kv->type == SF_GGUF_I8 || kv->type == SF_GGUF_I16 || kv->type == SF_GGUF_I32;
    if (is_signed && v >> (8 * n - 1)) v |= ~UINT64_C(0) << 8 * n;
    return (int64_t)v;
}

static void put_value(const struct facts *f, const struct sf_gguf_kv *kv) {
    const unsigned char *p = f->g.data + kv->offset;
    switch (kv->type) {
    case SF_GGUF_STRING: {
        struct sf_str s = {0};
        char key[256];
        snprintf(key, sizeof key, "%.*s", (int)sf_min(kv->key.n, 255), kv->key.p);
        if (sf_gguf_get_str(&f->g, key, &s, NULL, NULL) == SUREFOOT_OK && s.p)
            sf_out_json_str(s.p, f->cli->json || s.n < 72 ? s.n : 72);
        else
            sf_out_str("null");
        if (!f->cli->json && s.n >= 72) sf_outf(" ... (%zu bytes)", s.n);
        break;
    }
    case SF_GGUF_F32: {
        float v;
        memcpy(&v, p, sizeof v);
        sf_out_json_real((double)v, 9);
        break;
    }
    case SF_GGUF_F64: {
        double v;
        memcpy(&v, p, sizeof v);
        sf_out_json_real(v, 17);
        break;
    }
    case SF_GGUF_BOOL:
        sf_out_str(*p ? "true" : "false");
        break;
    case SF_GGUF_ARRAY:
        sf_outf("\"array of %" PRIu64 " %s\"", kv->n, sf_gguf_type_text(kv->elem_type));
        break;
    case SF_GGUF_U64:
        sf_outf("%" PRIu64, (uint64_t)whole(&f->g, kv));
        break;
    default:
        sf_outf("%" PRId64, whole(&f->g, kv));
    }
}

static void each_type(const struct facts *f, void (*put)(const char *, size_t, uint64_t, bool)) {
    bool first = true;
    for (uint32_t id = 0; id < 256; id++) {
        size_t n = 0;
        uint64_t bytes = 0;
        for (size_t i = 0; i < f->g.n_tensor; i++)
            if ((f->g.tensor[i].type & 255) == id) n++, bytes += f->g.tensor[i].bytes;
        if (!n) continue;
        const char *name = sf_gguf_type_name(id);
        put(name ? name : "unknown", n, bytes, first);
        first = false;
    }
}

/* -------------------------------------------------------------------------------------- text */

static void put_clean(const char *text) {
    char clean[3 * sizeof(((surefoot_error *)0)->text)];
    sf_out(clean, sf_cli_clean(text, strlen(text), clean));
}

static void text_type(const char *name, size_t n, uint64_t bytes, bool first) {
    char size[32];
    sf_outf("%s%s %zu (%s)", first ? "" : ", ", name, n, sf_cli_bytes(size, (double)bytes));
}

static void text_memory(const struct facts *f) {
    char a[32], b[32], d[32], e[32];
    if (!f->need.session) return;
    double need = (double)f->need.weights + (double)f->need.session;
    sf_outf("memory         %s: weights %s, context of %u tokens %s\n", sf_cli_bytes(a, need),
            sf_cli_bytes(b, (double)f->need.weights), f->n_ctx,
            sf_cli_bytes(d, (double)f->need.session));
    if (!f->available) return;
    if (need <= (double)f->available)
        sf_outf("fits           yes: %s available\n", sf_cli_bytes(e, (double)f->available));
    else
        sf_outf("fits           no: %s available, %s short\n",
                sf_cli_bytes(e, (double)f->available),
                sf_cli_bytes(a, need - (double)f->available));
}

static void text_tokenizer(const struct facts *f) {
    sf_outf("tokenizer      %s", f->tok_model[0] ? f->tok_model : "none");
    if (f->tok_pre[0]) sf_outf(" / %s", f->tok_pre);
    if (f->tok)
        sf_outf(", %d tokens, BOS %d%s, EOS %d", (int)sf_tokenizer_n_vocab(f->tok),
                (int)sf_tokenizer_bos(f->tok),
                sf_tokenizer_add_bos(f->tok) ? " (put before a text)" : "",
                (int)sf_tokenizer_eos(f->tok));
    else if (f->tok_why.text[0])
        sf_out_str(" ("), put_clean(f->tok_why.text), sf_out_str(")");
    sf_outf("\nchat template  %s", f->chat ? f->chat : f->has_template ? "cannot run: " : "none");
    if (!f->chat && f->has_template) put_clean(f->chat_why.text);
    sf_out_str("\n");
}

static void text_tensors(const struct facts *f) {
    for (size_t i = 0; i < f->g.n_tensor; i++) {
        const struct sf_gguf_tensor *t = &f->g.tensor[i];
        const char *type = sf_gguf_type_name(t->type);
        char name[3 * 64], size[32], dims[96];
        size_t n = sf_cli_clean(t->name.p, sf_min(t->name.n, 64), name), at = 0;
        for (uint32_t d = 0; d < t->n_dims && d < SF_GGUF_MAX_DIMS; d++)
            at += (size_t)snprintf(dims + at, sizeof dims - at, "%s%" PRIu64, d ? " x " : "",
                                   t->dim[d]);
        if (!at) snprintf(dims, sizeof dims, "1");
        sf_outf("  %-32.*s %-8s %-20s %s\n", (int)n, name, type ? type : "unknown", dims,
                sf_cli_bytes(size, (double)t->bytes));
    }
}

static void put_text(const struct facts *f) {
    char a[32];
    const struct sf_config *c = &f->shape;
    sf_outf("file           %s, GGUF v%u, %zu keys, %zu tensors\n",
            sf_cli_bytes(a, (double)f->map.size), f->g.version, f->g.n_kv, f->g.n_tensor);
    sf_outf("architecture   %s\nname           %s\n", f->arch[0] ? f->arch : "none",
            f->name[0] ? f->name : "none");
    sf_outf("runs here      %s", f->why.text[0] ? "no: " : "yes");
    put_clean(f->why.text);
    sf_out_str("\n");
    sf_outf("weights        %s%s", sf_cli_count(a, (double)f->n_params), f->g.n_tensor ? ", " : "");
    each_type(f, text_type);
    sf_out_str("\n");
    if (f->has_config)
        sf_outf("shape          %u layers, width %u, %u heads, %u KV heads, head size %u, "
                "feed-forward %u, vocabulary %u\ncontext        trained for %u tokens\n",
                c->n_layers, c->dim, c->n_heads, c->n_kv_heads, c->head_dim, c->ff_dim, c->n_vocab,
                c->n_ctx_train);
    text_tokenizer(f);
    text_memory(f);
    if (f->cli->verbose) {
        sf_out_str("keys\n");
        for (size_t i = 0; i < f->g.n_kv; i++) {
            char name[3 * 96];
            size_t n = sf_cli_clean(f->g.kv[i].key.p, sf_min(f->g.kv[i].key.n, 96), name);
            sf_outf("  %-44.*s ", (int)n, name);
            put_value(f, &f->g.kv[i]);
            sf_out_str("\n");
        }
    }
    if (f->g.n_tensor) sf_out_str("tensors\n");
    text_tensors(f);
}

/* -------------------------------------------------------------------------------------- json */

static void json_type(const char *name, size_t n, uint64_t bytes, bool first) {
    sf_outf("%s{\"type\":\"%s\",\"tensors\":%zu,\"bytes\":%" PRIu64 "}", first ? "" : ",", name, n,
            bytes);
}

static void json_key(const char *key, const char *value) {
    sf_outf(",\"%s\":", key);
    if (value && *value)
        sf_out_json_str(value, strlen(value));
    else
        sf_out_str("null");
}

static void json_tables(const struct facts *f) {
    sf_out_str(",\"metadata\":{");
    for (size_t i = 0; i < f->g.n_kv; i++) {
        if (i) sf_out_str(",");
        sf_out_json_str(f->g.kv[i].key.p, f->g.kv[i].key.n);
        sf_out_str(":");
        put_value(f, &f->g.kv[i]);
    }
    sf_out_str("},\"tensors\":[");
    for (size_t i = 0; i < f->g.n_tensor; i++) {
        const struct sf_gguf_tensor *t = &f->g.tensor[i];
        const char *type = sf_gguf_type_name(t->type);
        sf_outf("%s{\"name\":", i ? "," : "");
        sf_out_json_str(t->name.p, t->name.n);
        json_key("type", type ? type : "unknown");
        sf_out_str(",\"shape\":[");
        for (uint32_t d = 0; d < t->n_dims && d < SF_GGUF_MAX_DIMS; d++)
            sf_outf("%s%" PRIu64, d ? "," : "", t->dim[d]);
        sf_outf("],\"offset\":%zu,\"bytes\":%zu}", t->offset, t->bytes);
    }
    sf_out_str("]");
}

static void put_json(const struct facts *f) {
    const struct sf_config *c = &f->shape;
    sf_out_str("{\"file\":");
    sf_out_json_str(f->cli->model, strlen(f->cli->model));
    sf_outf(",\"bytes\":%zu,\"gguf_version\":%u,\"n_keys\":%zu,\"n_tensors\":%zu", f->map.size,
            f->g.version, f->g.n_kv, f->g.n_tensor);
    json_key("architecture", f->arch);
    json_key("name", f->name);
    json_key("type", f->file_type);
    sf_outf(",\"supported\":%s", f->why.text[0] ? "false" : "true");
    json_key("reason", f->why.text);
    sf_outf(",\"n_params\":%" PRIu64 ",\"tensor_bytes\":%" PRIu64 ",\"types\":[", f->n_params,
            f->tensor_bytes);
    each_type(f, json_type);
    sf_out_str("],\"config\":");
    if (f->has_config)
        sf_outf("{\"n_layers\":%u,\"n_embd\":%u,\"n_heads\":%u,\"n_kv_heads\":%u,\"head_dim\":%u,"
                "\"n_ff\":%u,\"n_vocab\":%u,\"n_ctx_train\":%u}",
                c->n_layers, c->dim, c->n_heads, c->n_kv_heads, c->head_dim, c->ff_dim, c->n_vocab,
                c->n_ctx_train);
    else
        sf_out_str("null");
    sf_out_str(",\"tokenizer\":{\"model\":");
    sf_out_json_str(f->tok_model, strlen(f->tok_model));
    json_key("pre", f->tok_pre);
    sf_outf(",\"supported\":%s", f->tok ? "true" : "false");
    if (f->tok)
        sf_outf(",\"n_vocab\":%d,\"bos\":%d,\"eos\":%d,\"add_bos\":%s",
                (int)sf_tokenizer_n_vocab(f->tok), (int)sf_tokenizer_bos(f->tok),
                (int)sf_tokenizer_eos(f->tok), sf_tokenizer_add_bos(f->tok) ? "true" : "false");
    json_key("reason", f->tok_why.text);
    sf_outf("},\"chat_template\":{\"present\":%s", f->has_template ? "true" : "false");
    json_key("name", f->chat);
    if (f->chat_why.text[0]) json_key("reason", f->chat_why.text);
    sf_out_str("},\"memory\":");
    if (f->need.session) {
        uint64_t need = (uint64_t)f->need.weights + f->need.session;
        sf_outf("{\"n_ctx\":%u,\"weights\":%zu,\"session\":%zu,\"total\":%" PRIu64
                ",\"decode\":%" PRIu64 ",\"available\":%" PRIu64 ",\"fits\":%s}",
                f->n_ctx, f->need.weights, f->need.session, need, f->need.decode, f->available,
                !f->available          ? "null"
                : need <= f->available ? "true"
                                       : "false");
    } else {
        sf_out_str("null");
    }
    json_tables(f);
    sf_out_str("}\n");
}

int sf_cmd_inspect(struct sf_cli *c) {
    static struct facts f;
    surefoot_error err = {0};
    if (c->n_operand && !c->model) c->model = c->operand[0];
    if (!c->model) return sf_cli_fail(2, "inspect needs a file: -m FILE");
    f.cli = c;
    int unnamed = sf_cli_path("-m", c->model);
    if (unnamed) return unnamed;
    surefoot_status s = sf_map_tables(&f.map, c->model, &err);
    if (s == SUREFOOT_OK) s = sf_gguf_parse(&f.g, f.map.data, f.map.size, &err);
    if (s == SUREFOOT_OK) s = sf_gguf_join(&f.g, &f.map, c->model, &err);
    int code = 0;
    if (s != SUREFOOT_OK) {
        code = sf_cli_file_status(s, &err, c->model);
    } else {
        get_text(&f.g, "general.architecture", f.arch, sizeof f.arch);
        get_text(&f.g, "general.name", f.name, sizeof f.name);
        read_family(&f);
        read_tensors(&f);
        read_tokenizer(&f);
        main_type(&f);
        code = read_memory(&f);
        if (!code && c->json)
            put_json(&f);
        else if (!code)
            put_text(&f);
    }
    sf_tokenizer_close(f.tok);
    sf_gguf_close(&f.g);
    sf_map_close(&f.map);
    return code;
}
