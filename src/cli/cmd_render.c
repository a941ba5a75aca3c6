/* SPDX-License-Identifier: MIT
 * cmd_render.c - a chat template over conversations: a JSON object a line in, one a line out, with
 * `text` or `error`. Keys: messages, add_generation_prompt, bos_token, eos_token, template (a file
 * or a name), now (YYYY-MM-DD), and whatever else the template reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "chat.h"
#include "cli.h"
#include "packed.h"

enum { DEEPEST = 100, MEMORY = 256 << 20 };

struct work {
    const struct sf_cli *cli;
    struct sf_chat_template *standing; /* by --chat-template or the model */
    char *bos, *eos;                   /* the model's, in malloc'ed memory */
    char *path;                        /* of the line before, kept with what came of it */
    struct sf_chat_template *named;
    surefoot_error why;
};

/* ------------------------------------------------------------------------------------------- values */

static bool convert(struct sf_jinja_mem *m, const json_t *j, int depth,
                    struct sf_jinja_value *out) {
    const char *key;
    size_t n;
    json_t *v;
    if (depth > DEEPEST) return false;
    switch (json_typeof(j)) {
    case JSON_OBJECT: {
        void *at;
        if (!sf_jinja_dict_new(m, out, json_object_size(j))) return false;
        for (at = json_object_iter((json_t *)j); at; at = json_object_iter_next((json_t *)j, at)) {
            struct sf_jinja_value x;
            key = json_object_iter_key(at);
            n = json_object_iter_key_len(at);
            v = json_object_iter_value(at);
            if (!convert(m, v, depth + 1, &x) ||
                !sf_jinja_append(m, out->dict, sf_jinja_str(key, n, SF_JINJA_DATA), x))
                return false;
        }
        return true;
    }
    case JSON_ARRAY:
        n = json_array_size(j);
        if (!sf_jinja_list_new(m, out, n)) return false;
        for (size_t i = 0; i < n; i++) {
            struct sf_jinja_value x;
            if (!convert(m, json_array_get(j, i), depth + 1, &x) || !sf_jinja_push(m, out->list, x))
                return false;
        }
        return true;
    case JSON_STRING:
        *out = sf_jinja_str(json_string_value(j), json_string_length(j), SF_JINJA_DATA);
        return true;
    case JSON_INTEGER:
        *out = sf_jinja_int(json_integer_value(j));
        return true;
    case JSON_REAL:
        *out = sf_jinja_float(json_real_value(j));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = sf_jinja_bool(json_is_true(j));
        return true;
    case JSON_NULL:
        break;
    }
    *out = sf_jinja_none();
    return true;
}

/* --------------------------------------------------------------------------------------- the clock */

static bool date(const char *s, struct sf_jinja_clock *c) {
    int used = 0;
    *c = (struct sf_jinja_clock){0};
    int n = sscanf(s, "%4d-%2d-%2d%n", &c->year, &c->month, &c->day, &used);
    if (n != 3) return false;
    if (s[used] == 'T' || s[used] == ' ') {
        int more = 0;
        if (sscanf(s + used + 1, "%2d:%2d:%2d%n", &c->hour, &c->minute, &c->second, &more) != 3)
            return false;
        used += 1 + more;
    }
    return s[used] == 0 && c->year > 0 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= 31 && c->hour >= 0 && c->hour < 24 && c->minute >= 0 && c->minute < 60 &&
           c->second >= 0 && c->second < 61;
}

static void local_now(struct sf_jinja_clock *c) {
    time_t t = time(NULL);
    struct tm tm = {0};
    localtime_r(&t, &tm);
    *c = (struct sf_jinja_clock){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                                 tm.tm_hour,        tm.tm_min,     tm.tm_sec};
}

/* ---------------------------------------------------------------------------------------- templates */

static surefoot_status open_template(struct sf_chat_template **out, const char *name,
                                     surefoot_error *err) {
    struct sf_map map = {0};
    struct stat st;
    if (stat(name, &st) != 0) return sf_chat_open(out, name, strlen(name), err);
    surefoot_status s = sf_map_open(&map, name, err);
    if (s == SUREFOOT_OK && memchr(map.data, '{', map.size))
        s = sf_chat_open(out, (const char *)map.data, map.size, err);
    else if (s == SUREFOOT_OK)
        s = sf_fail(err, SUREFOOT_E_FILE, 0, "'%s' is no chat template: it holds no '{'", name);
    sf_map_close(&map);
    return s;
}

static char *copy(struct sf_str s) {
    char *p = malloc(s.n + 1);
    if (!p) return NULL;
    memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return p;
}

/* The model's own template and the spellings of its BOS and EOS. */
static int read_model(struct work *w) {
    struct sf_map map = {0};
    struct sf_gguf g = {0};
    struct sf_tokenizer *t = NULL;
    surefoot_error err = {0};
    surefoot_status s = sf_map_tables(&map, w->cli->model, &err);
    if (s != SUREFOOT_OK) return sf_cli_status(s, &err);
    s = sf_gguf_parse(&g, map.data, map.size, &err);
    if (s == SUREFOOT_OK) s = sf_gguf_join(&g, &map, w->cli->model, &err);
    if (s == SUREFOOT_OK) s = sf_tokenizer_open(&t, &g, &err);
    if (s == SUREFOOT_OK && !w->standing) s = sf_chat_open_gguf(&w->standing, &g, &err);
    if (s == SUREFOOT_OK) {
        int32_t bos = sf_tokenizer_bos(t), eos = sf_tokenizer_eos(t);
        if (bos >= 0) w->bos = copy(sf_token_spelling(t, bos));
        if (eos >= 0) w->eos = copy(sf_token_spelling(t, eos));
    }
    sf_tokenizer_close(t);
    sf_gguf_close(&g);
    sf_map_close(&map);
    return s == SUREFOOT_OK ? 0 : sf_cli_file_status(s, &err, w->cli->model);
}

static const struct sf_chat_template *choose(struct work *w, const json_t *o, surefoot_error *err) {
    const char *name = json_string_value(json_object_get(o, "template"));
    if (!name) {
        if (!w->standing)
            sf_fail(err, SUREFOOT_E_USAGE, 0,
                    "no template: \"template\" in the line, --chat-template or -m");
        return w->standing;
    }
    if (!w->path || strcmp(w->path, name) != 0) {
        sf_chat_close(w->named);
        free(w->path);
        w->named = NULL;
        w->why = (surefoot_error){0};
        w->path = strdup(name);
        open_template(&w->named, name, &w->why);
    }
    if (!w->named) *err = w->why;
    return w->named;
}

/* ------------------------------------------------------------------------------------------- a line */

static void put(const char *key, const char *p, size_t n) {
    sf_outf("{\"%s\":", key);
    sf_out_json_str(p, n);
    sf_out_str("}\n");
}

/* Spellings that the line does not give are the model's. */
static bool tokens(struct work *w, struct sf_jinja_mem *m, struct sf_jinja_dict *vars) {
    const char *const name[] = {"bos_token", "eos_token"}, *const text[] = {w->bos, w->eos};
    for (int i = 0; i < 2; i++)
        if (text[i] && !sf_jinja_find(vars, name[i]) &&
            !sf_jinja_append(m, vars, sf_jinja_str(name[i], 9, NULL),
                             sf_jinja_str(text[i], strlen(text[i]), NULL)))
            return false;
    return true;
}

static surefoot_status render(struct work *w, const json_t *o, struct sf_jinja_mem *m,
                              struct sf_jinja_value *out, surefoot_error *err) {
    const struct sf_chat_template *t = choose(w, o, err);
    if (!t) return err->code;
    struct sf_jinja_clock clock;
    struct sf_jinja_options options = {.clock = &clock};
    struct sf_jinja_value vars;
    const json_t *now = json_object_get(o, "now");
    local_now(&clock);
    if (now && (!json_is_string(now) || !date(json_string_value(now), &clock)))
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "\"now\" is a date, YYYY-MM-DD");
    if (!json_is_array(json_object_get(o, "messages")))
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "the object has no array \"messages\"");
    if (!convert(m, o, 0, &vars) || !tokens(w, m, vars.dict))
        return sf_fail(err, SUREFOOT_E_LIMIT, 0, "the line is too large, or more than %d deep",
                       DEEPEST);
    return sf_chat_run(t, m, &vars, &options, out, err);
}

static void line(struct work *w, const char *p, size_t n) {
    json_error_t why;
    surefoot_error err = {0};
    struct sf_jinja_mem m = {.limit = MEMORY};
    struct sf_jinja_value text;
    json_t *o = json_loadb(p, n, JSON_ALLOW_NUL, &why);
    if (!json_is_object(o)) {
        char message[256];
        snprintf(message, sizeof message, "not a JSON object%s%s", o ? "" : ": ",
                 o ? "" : why.text);
        put("error", message, strlen(message));
    } else if (render(w, o, &m, &text, &err) != SUREFOOT_OK) {
        put("error", err.text, strlen(err.text));
    } else {
        put("text", text.p, text.n);
    }
    sf_jinja_mem_free(&m);
    json_decref(o);
}

int sf_cmd_render(struct sf_cli *c) {
    struct work w = {.cli = c};
    surefoot_error err = {0};
    char *text = NULL;
    size_t n = 0;
    int code = 0;
    if (c->chat_template) {
        surefoot_status s = open_template(&w.standing, c->chat_template, &err);
        if (s != SUREFOOT_OK) code = sf_cli_file_status(s, &err, c->chat_template);
    }
    if (!code && c->model) code = read_model(&w);
    if (!code) code = sf_cli_text(c, &text, &n);
    for (const char *p = text, *end = text + n; !code && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        line(&w, p, (size_t)(stop - p));
        if (sf_cli_interrupted()) code = 130;
        if (sf_out_failed()) break;
        p = stop + 1;
    }
    free(text);
    free(w.path);
    free(w.bos);
    free(w.eos);
    sf_chat_close(w.named);
    sf_chat_close(w.standing);
    return code;
}
