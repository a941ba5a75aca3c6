/* SPDX-License-Identifier: MIT
 * cmd_tokenize.c - text to token ids and back. Reads only the tokenizer.* keys of a file, so that
 * vocabulary-only files of any architecture work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli.h"
#include "packed.h"
#include "tokenizer.h"
#include "utf8.h"

static void put_ids(const int32_t *ids, size_t n) {
    sf_out_str("[");
    for (size_t i = 0; i < n; i++) sf_outf("%s%d", i ? "," : "", (int)ids[i]);
    sf_out_str("]");
}

/* What a person reads: one token a line. */
static void put_table(const struct sf_tokenizer *t, const int32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct sf_str s = sf_token_spelling(t, ids[i]);
        sf_outf("%8d  ", (int)ids[i]);
        sf_out_json_str(s.p, s.n);
        sf_out_str("\n");
    }
}

static int encode(const struct sf_cli *c, const struct sf_tokenizer *t, const char *text,
                  size_t n) {
    unsigned flags = (c->no_bos ? 0 : SF_ENCODE_BOS) | (c->special ? SF_ENCODE_SPECIAL : 0);
    surefoot_error err = {0};
    size_t n_ids = 0;
    int32_t *ids = malloc((n + 2) * sizeof *ids);
    if (!ids) return sf_cli_fail(4, "no memory for the ids of %zu bytes", n);
    surefoot_status s = sf_encode(t, text, n, flags, ids, n + 2, &n_ids, &err);
    if (s != SUREFOOT_OK) {
        free(ids);
        return sf_cli_status(s, &err);
    }
    if (c->jsonl || (c->json && !c->bare_ids)) {
        sf_out_str("{\"ids\":");
        put_ids(ids, n_ids);
        if (c->json) {
            sf_out_str(",\"pieces\":[");
            for (size_t i = 0; i < n_ids; i++) {
                struct sf_str p = sf_token_spelling(t, ids[i]);
                if (i) sf_out_str(",");
                sf_out_json_str(p.p, p.n);
            }
            sf_out_str("]");
        }
        sf_out_str("}\n");
    } else if (c->bare_ids) {
        put_ids(ids, n_ids);
        sf_out_str("\n");
    } else {
        put_table(t, ids, n_ids);
    }
    free(ids);
    return 0;
}

/* ids to text in malloc'ed memory: bytes repaired to UTF-8; the space that encoding put in front of
 * the first word is taken off again. */
static int decode(const struct sf_cli *c, const struct sf_tokenizer *t, const int32_t *ids,
                  size_t n, char **out, size_t *n_out) {
    struct sf_utf8 state = {0};
    size_t cap = 0, used = 0;
    bool first = sf_tokenizer_space_prefix(t);
    char *text = NULL;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < n; i++) {
            bool control = sf_tokenizer_attr(t, ids[i]) & SF_TOK_CONTROL;
            struct sf_str s =
                control && c->special ? sf_token_spelling(t, ids[i]) : sf_token_bytes(t, ids[i]);
            if (ids[i] < 0 || ids[i] >= sf_tokenizer_n_vocab(t)) {
                free(text);
                return sf_cli_fail(2, "token id %d is outside the vocabulary (0 to %d)",
                                   (int)ids[i], (int)sf_tokenizer_n_vocab(t) - 1);
            }
            if (pass == 0) {
                cap += SF_UTF8_OUT(s.n);
                continue;
            }
            if (first && s.n && !control) {
                if (s.p[0] == ' ') s.p++, s.n--;
                first = false;
            }
            used += sf_utf8_feed(&state, s.p, s.n, text + used);
        }
        if (pass == 0 && !(text = malloc(cap + 4)))
            return sf_cli_fail(4, "no memory for the text of %zu tokens", n);
    }
    used += sf_utf8_end(&state, text + used);
    *out = text;
    *n_out = used;
    return 0;
}

static int put_decoded(const struct sf_cli *c, const struct sf_tokenizer *t, const int32_t *ids,
                       size_t n) {
    char *text = NULL;
    size_t n_text = 0;
    int code = decode(c, t, ids, n, &text, &n_text);
    if (code) return code;
    if (c->jsonl || c->json) {
        sf_out_str("{\"text\":");
        sf_out_json_str(text, n_text);
        sf_out_str("}\n");
    } else {
        sf_out_text(c, text, n_text);
        if (c->stdout_tty) sf_out_str("\n");
    }
    free(text);
    return 0;
}

/* One line of --jsonl. number: for messages. */
static int one_line(const struct sf_cli *c, const struct sf_tokenizer *t, const char *line,
                    size_t n, size_t number) {
    json_error_t je;
    json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
    int code;
    if (!o) return sf_cli_fail(3, "line %zu: not a JSON object: %s", number, je.text);
    json_t *v = json_object_get(o, c->decode ? "ids" : "text");
    if (!c->decode && json_is_string(v)) {
        code = encode(c, t, json_string_value(v), json_string_length(v));
    } else if (c->decode && json_is_array(v)) {
        size_t n_ids = json_array_size(v);
        int32_t *ids = malloc((n_ids + 1) * sizeof *ids);
        code = ids ? 0 : sf_cli_fail(4, "no memory for the ids");
        for (size_t i = 0; i < n_ids && !code; i++) {
            json_t *e = json_array_get(v, i);
            json_int_t id = json_integer_value(e);
            if (!json_is_integer(e) || id < 0 || id > INT32_MAX)
                code = sf_cli_fail(3, "line %zu: ids[%zu] is no token id", number, i);
            ids[i] = (int32_t)id;
        }
        if (!code) code = put_decoded(c, t, ids, n_ids);
        free(ids);
    } else {
        code = sf_cli_fail(3, "line %zu: the object has no %s", number,
                           c->decode ? "array \"ids\"" : "string \"text\"");
    }
    json_decref(o);
    return code;
}

static int lines(const struct sf_cli *c, const struct sf_tokenizer *t, const char *text, size_t n) {
    size_t number = 1;
    for (const char *p = text, *end = text + n; p < end; number++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        if (stop > p) {
            int code = one_line(c, t, p, (size_t)(stop - p), number);
            if (code) return code;
            if (sf_cli_interrupted()) return 130;
        }
        p = stop + 1;
    }
    return 0;
}

static int with_tokenizer(const struct sf_cli *c, const struct sf_tokenizer *t) {
    char *text;
    size_t n;
    int code = sf_cli_text(c, &text, &n);
    if (code) return code;
    if (c->jsonl) {
        code = lines(c, t, text, n);
    } else if (c->decode) {
        int32_t *ids;
        size_t n_ids;
        code = sf_cli_ids(text, n, &ids, &n_ids);
        if (!code) {
            code = put_decoded(c, t, ids, n_ids);
            free(ids);
        }
    } else {
        code = encode(c, t, text, n);
    }
    free(text);
    return code;
}

int sf_cmd_tokenize(struct sf_cli *c) {
    if (!c->model) return sf_cli_fail(2, "tokenize needs a file with a vocabulary: -m FILE");
    int code = sf_cli_path("-m", c->model);
    if (code) return code;
    struct sf_map map = {0};
    struct sf_gguf g = {0};
    struct sf_tokenizer *t = NULL;
    surefoot_error err = {0};
    surefoot_status s = sf_map_tables(&map, c->model, &err);
    if (s != SUREFOOT_OK) return sf_cli_file_status(s, &err, c->model);
    s = sf_gguf_parse(&g, map.data, map.size, &err);
    if (s == SUREFOOT_OK) s = sf_gguf_join(&g, &map, c->model, &err);
    if (s == SUREFOOT_OK) s = sf_tokenizer_open(&t, &g, &err);
    code = s == SUREFOOT_OK ? with_tokenizer(c, t) : sf_cli_file_status(s, &err, c->model);
    sf_tokenizer_close(t);
    sf_gguf_close(&g);
    sf_map_close(&map);
    return code;
}
