/* SPDX-License-Identifier: MIT
 * policy_file.c - the INI policy. inih splits keys from values and strips comments; what it lets
 * pass silently is refused here before it sees a line: lines it would cut in two, continuation
 * lines, section names it would shorten, bytes that are no text.
 */
#include <ini.h>
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "file.h"
#include "policy.h"
#include "utf8.h"

/* inih reads at most INI_MAX_LINE - 1 bytes of a line, line end included, and takes the rest for a
 * line of its own. */
enum { MAX_LINE = INI_MAX_LINE - 4, MAX_KEYS = 512, MAX_NAME = 40 };

struct reader { /* what inih's callbacks share */
    const char *text;
    size_t n, at;
    int line;
    struct sf_policy_section *section; /* [SF_POLICY_MAX_SECTIONS] */
    size_t n_section, n_key;           /* n_key: of all sections */
    struct sf_policy_key *key;         /* [MAX_KEYS] */
    char *pool;                        /* where strings go: as many bytes as text, and a NUL each */
    surefoot_status status;
    surefoot_error *err;
};

/* ------------------------------------------------------------------------------- one line of INI */

static bool stop(struct reader *r, surefoot_status s) {
    r->status = s;
    return false;
}

static char *keep_string(struct reader *r, const char *text, size_t n) {
    char *p = r->pool;
    memcpy(p, text, n);
    p[n] = 0;
    r->pool += n + 1;
    return p;
}

static bool valid_text(const char *p, size_t n, size_t *at) {
    uint32_t cp;
    for (*at = 0; *at < n;) {
        int k = sf_utf8_decode((const unsigned char *)p + *at, n - *at, &cp);
        if (k == 0 || (cp < 0x20 && cp != '\t') || cp == 0x7F) return false;
        *at += (size_t)k;
    }
    return true;
}

static struct sf_policy_section *find_section(struct sf_policy_section *s, size_t n,
                                              const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(s[i].name, name) == 0) return &s[i];
    return NULL;
}

static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* "[name]" and nothing behind it but a comment. */
static bool open_section(struct reader *r, const char *p, size_t n) {
    const char *close = memchr(p, ']', n);
    if (!close)
        return stop(r, sf_policy_fail(r->err, r->line, "'[' without ']': a section is [name]"));
    size_t len = (size_t)(close - p) - 1, rest = n - len - 2;
    const char *q = close + 1;
    while (rest > 0 && (*q == ' ' || *q == '\t')) q++, rest--;
    if (rest > 0 && *q != ';' && *q != '#')
        return stop(r, sf_policy_fail(r->err, r->line, "text behind the section name: '%.*s'",
                                      (int)sf_min(rest, 40), q));
    for (size_t i = 0; i < len; i++)
        if (!name_char(p[1 + i]))
            return stop(r, sf_policy_fail(r->err, r->line,
                                          "'[%.*s]': a section name has letters, digits, . _ -",
                                          (int)sf_min(len, MAX_NAME), p + 1));
    if (len == 0 || len > MAX_NAME)
        return stop(r,
                    sf_policy_fail(r->err, r->line, "a section name has 1 to %d bytes", MAX_NAME));
    char *name = keep_string(r, p + 1, len);
    const struct sf_policy_section *old = find_section(r->section, r->n_section, name);
    if (old)
        return stop(r, sf_policy_fail(r->err, r->line, "section [%s] again: first in line %d", name,
                                      old->line));
    if (r->n_section == SF_POLICY_MAX_SECTIONS)
        return stop(
            r, sf_policy_fail(r->err, r->line, "more than %d sections", SF_POLICY_MAX_SECTIONS));
    r->section[r->n_section++] =
        (struct sf_policy_section){.name = name, .line = r->line, .key = r->key + r->n_key};
    return true;
}

/* Looks at the next line (n bytes, no line end) before inih does. */
static bool check_line(struct reader *r, const char *p, size_t n) {
    size_t at;
    if (n > MAX_LINE)
        return stop(r, sf_policy_fail(r->err, r->line, "the line has %zu bytes: at most %d", n,
                                      (int)MAX_LINE));
    if (!valid_text(p, n, &at))
        return stop(r, sf_policy_fail(r->err, r->line, "byte %zu is not text (UTF-8)", at + 1));
    if (n > 0 && (*p == ' ' || *p == '\t')) {
        while (n > 0 && (*p == ' ' || *p == '\t')) p++, n--;
        if (n > 0 && *p != ';' && *p != '#')
            return stop(r, sf_policy_fail(r->err, r->line,
                                          "the line is indented: values do not go on over lines"));
    }
    if (n > 0 && *p == '[') return open_section(r, p, n);
    if (n > 0 && (*p == '=' || *p == ':'))
        return stop(r, sf_policy_fail(r->err, r->line, "a key is missing: key = value"));
    return true;
}

/* inih's fgets. */
static char *next_line(char *out, int cap, void *user) {
    struct reader *r = user;
    if (r->status != SUREFOOT_OK || r->at == r->n) return NULL;
    const char *p = r->text + r->at, *end = memchr(p, '\n', r->n - r->at);
    size_t n = end ? (size_t)(end - p) : r->n - r->at;
    r->at += n + (end ? 1 : 0);
    r->line++;
    if (n > 0 && p[n - 1] == '\r') n--;
    if (r->line == 1 && n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) p += 3, n -= 3;
    if (!check_line(r, p, n)) return NULL;
    if (n + 2 > (size_t)cap) { /* an inih built with shorter lines: no line is lost in silence */
        stop(r, sf_policy_fail(r->err, r->line, "the line has %zu bytes: at most %d here", n,
                               cap - 2));
        return NULL;
    }
    memcpy(out, p, n);
    out[n] = '\n';
    out[n + 1] = 0;
    return out;
}

static int take_key(void *user, const char *section, const char *name, const char *value) {
    SF_UNUSED(section); /* ours is not shortened */
    struct reader *r = user;
    if (r->status != SUREFOOT_OK) return 1;
    if (r->n_section == 0)
        return stop(
            r, sf_policy_fail(r->err, r->line, "'%.40s' stands before the first section", name));
    struct sf_policy_section *s = &r->section[r->n_section - 1];
    for (size_t i = 0; i < s->n_key; i++)
        if (strcmp(s->key[i].key, name) == 0)
            return stop(r, sf_policy_fail(r->err, r->line, "key '%.40s' again: first in line %d",
                                          name, s->key[i].line));
    if (s->n_key == SF_POLICY_MAX_KEYS || r->n_key == MAX_KEYS)
        return stop(r, sf_policy_fail(r->err, r->line, "too many keys"));
    s->key[s->n_key++] = (struct sf_policy_key){.key = keep_string(r, name, strlen(name)),
                                                .value = keep_string(r, value, strlen(value)),
                                                .line = r->line};
    r->n_key++;
    return 1;
}

static surefoot_status read_ini(struct reader *r) {
    int line = ini_parse_stream(next_line, r, take_key, r);
    if (r->status != SUREFOOT_OK && (line <= 0 || line >= r->line)) return r->status;
    if (line < 0) return sf_fail(r->err, SUREFOOT_E_MEMORY, 0, "no memory to read the policy");
    if (line > 0) return sf_policy_fail(r->err, line, "neither [section] nor key = value");
    return SUREFOOT_OK;
}

/* ---------------------------------------------------------------------------- what openers use */

const char *sf_policy_value(struct sf_policy_section *s, const char *key, int *line) {
    if (line) *line = s->line;
    for (size_t i = 0; i < s->n_key; i++) {
        if (strcmp(s->key[i].key, key) != 0) continue;
        s->key[i].used = true;
        if (line) *line = s->key[i].line;
        return s->key[i].value;
    }
    return NULL;
}

surefoot_status sf_policy_path(char **out, const struct sf_policy_env *env, const char *value,
                               int line, surefoot_error *err) {
    *out = NULL;
    size_t n = strlen(value);
    const char *why = NULL;
    if (n == 0) why = "a file name is missing";
    if (n > 0 && value[0] == '/')
        why = "an absolute path is refused: name it relative to the policy";
    for (const char *p = value; *p && !why; p++) {
        bool first = p == value || p[-1] == '/';
        if (first && p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == 0))
            why = "'..' is refused: put the file beside the policy or below it";
        if ((unsigned char)*p < 0x20) why = "a control character in a file name";
    }
    if (!why && !env->dir) why = "this policy may not name files";
    if (why) return sf_policy_fail(err, line, "file = %.80s: %s", value, why);
    size_t d = strlen(env->dir);
    char *path = sf_alloc(d + n + 2);
    if (!path) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for a file name");
    if (d > 0)
        snprintf(path, d + n + 2, "%s%s%s", env->dir, env->dir[d - 1] == '/' ? "" : "/", value);
    else
        memcpy(path, value, n + 1);
    *out = path;
    return SUREFOOT_OK;
}

static surefoot_status from_memory(char **out, size_t *n, const surefoot_file *f, size_t max,
                                   const char *value, int line, surefoot_error *err) {
    if (f->n > max || (!f->data && f->n > 0))
        return sf_policy_fail(err, line, "file = %.80s: more than %zu bytes", value, max);
    *out = sf_alloc(f->n + 1);
    if (!*out) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for '%.80s'", value);
    if (f->n > 0) memcpy(*out, f->data, f->n);
    *n = f->n;
    return SUREFOOT_OK;
}

surefoot_status sf_policy_read(char **out, size_t *n, const struct sf_policy_env *env,
                               const char *value, int line, size_t max, surefoot_error *err) {
    *out = NULL;
    *n = 0;
    for (size_t i = 0; i < env->n_file; i++)
        if (env->file[i].name && !strcmp(env->file[i].name, value)) {
            SF_TRY(from_memory(out, n, &env->file[i], max, value, line, err));
            if (env->digest) sf_sha256_add_sized(env->digest, *out, *n);
            return SUREFOOT_OK;
        }
    char *path;
    SF_TRY(sf_policy_path(&path, env, value, line, err));
    surefoot_status status = sf_read_file(out, n, path, max, err);
    sf_free(path);
    if (status == SUREFOOT_OK && env->digest) sf_sha256_add_sized(env->digest, *out, *n);
    if (status == SUREFOOT_E_IO || status == SUREFOOT_E_FILE) { /* say where the policy names it */
        surefoot_error why = err ? *err : (surefoot_error){0};
        status = sf_policy_fail(err, line, "file = %.60s: %s", value, why.text);
    }
    return status;
}

/* -------------------------------------------------------------------------------- the whole file */

/* "sum(words, head)" or "lexicon". */
static char *describe(struct sf_policy_section *s) {
    const char *kind = sf_policy_value(s, "kind", NULL), *parts = NULL;
    for (size_t i = 0; i < s->n_key; i++)
        if (strcmp(s->key[i].key, "parts") == 0) parts = s->key[i].value;
    size_t n = strlen(kind) + (parts ? strlen(parts) : 0) + 3;
    char *text = sf_alloc(n);
    if (text) snprintf(text, n, parts ? "%s(%s)" : "%s", kind, parts ? parts : "");
    return text;
}

static surefoot_status check_unused(const struct sf_policy_env *env, surefoot_error *err) {
    for (size_t i = 0; i < env->n_section; i++) {
        const struct sf_policy_section *s = &env->section[i];
        if (!s->opened && strncmp(s->name, "cost.", 5) == 0)
            return sf_policy_fail(err, s->line, "[%s] is not used: no `parts` names '%s'", s->name,
                                  s->name + 5);
        if (!s->opened)
            return sf_policy_fail(err, s->line,
                                  "unknown section [%s]: known are [guard], [cost], [cost.NAME], "
                                  "[reward]",
                                  s->name);
        for (size_t j = 0; j < s->n_key; j++)
            if (!s->key[j].used)
                return sf_policy_fail(err, s->key[j].line, "unknown key '%.40s' in [%s]",
                                      s->key[j].key, s->name);
    }
    return SUREFOOT_OK;
}

static surefoot_status read_guard(struct surefoot_policy *p, struct sf_policy_section *s, int *line,
                                  int *fallback_line, surefoot_error *err) {
    for (size_t i = 0; s && i < s->n_key; i++) {
        struct sf_policy_key *k = &s->key[i];
        SF_TRY(sf_policy_set_key(p, k->key, k->value, k->line, err));
        k->used = true;
        if (strcmp(k->key, "fallback") == 0) *fallback_line = k->line;
        /* The line a disagreement between keys is reported at. */
        if (strcmp(k->key, "keep") == 0 || strcmp(k->key, "w_calm") == 0 ||
            strcmp(k->key, "threshold_high") == 0)
            *line = k->line;
    }
    if (s) s->opened = true;
    return SUREFOOT_OK;
}

static void digest_section(struct sf_sha256 *s, const struct sf_policy_section *from) {
    sf_sha256_add_sized(s, from->name, strlen(from->name));
    for (size_t i = 0; i < from->n_key; i++) {
        sf_sha256_add_sized(s, from->key[i].key, strlen(from->key[i].key));
        sf_sha256_add_sized(s, from->key[i].value, strlen(from->key[i].value));
    }
}

/* What the charges and the reward depend on: not the search, the budget or the fallback. */
static void digest_all(struct surefoot_policy *p, const struct sf_policy_env *env,
                       const struct sf_policy_section *reward) {
    for (size_t i = 0; i < env->n_section; i++)
        if (!strncmp(env->section[i].name, "cost", 4))
            digest_section(env->digest, &env->section[i]);
    digest_section(env->digest, reward);
    sf_sha256_end(env->digest, p->digest);
}

static surefoot_status build(struct surefoot_policy *p, struct sf_policy_env *env,
                             surefoot_error *err) {
    struct sf_policy_section *guard = find_section(env->section, env->n_section, "guard"),
                             *cost = find_section(env->section, env->n_section, "cost"),
                             *reward = find_section(env->section, env->n_section, "reward"),
                             none = {.name = (char *)(uintptr_t) "reward"};
    int line = guard ? guard->line : 0, fallback_line = line;
    sf_policy_defaults(p);
    SF_TRY(read_guard(p, guard, &line, &fallback_line, err));
    if (!cost)
        return sf_policy_fail(err, 0, "no [cost] section: a guard without a cost protects nothing");
    SF_TRY(sf_cost_open(&p->cost, cost, env, err));
    size_t hold = p->cost->ops->hold_bytes(p->cost);
    if (hold > SF_GUARD_MAX_HOLD)
        return sf_policy_fail(err, cost->line,
                              "[cost] holds back up to %zu bytes: at most %d (SF_GUARD_MAX_HOLD)",
                              hold, SF_GUARD_MAX_HOLD);
    if (!reward) { /* the default; an opener wants a section to read */
        struct sf_policy_key kind = {(char *)(uintptr_t) "kind", (char *)(uintptr_t) "likelihood",
                                     0, false};
        none.key = &kind;
        none.n_key = 1;
        SF_TRY(sf_reward_open(&p->reward, &none, env, err));
        p->reward_text = describe(&none);
        digest_all(p, env, &none);
    } else {
        SF_TRY(sf_reward_open(&p->reward, reward, env, err));
        p->reward_text = describe(reward);
        digest_all(p, env, reward);
    }
    p->cost_text = describe(cost);
    if (!p->cost_text || !p->reward_text)
        return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the policy");
    SF_TRY(check_unused(env, err));
    return sf_policy_check(p, line, fallback_line, err);
}

/* Sections, keys and their strings: thrown away when the policy is built. */
static bool plan(struct sf_arena *a, struct reader *r) {
    r->section = sf_arena_take(a, SF_POLICY_MAX_SECTIONS, sizeof *r->section);
    r->key = sf_arena_take(a, MAX_KEYS, sizeof *r->key);
    size_t bytes;
    if (!sf_size_add(&bytes, r->n, SF_POLICY_MAX_SECTIONS + 2 * MAX_KEYS)) a->failed = true;
    r->pool = sf_arena_take(a, a->failed ? 0 : bytes, 1);
    return !a->failed;
}

void sf_policy_free(struct surefoot_policy *p) {
    if (!p) return;
    if (p->cost) p->cost->ops->close(p->cost);
    if (p->reward) p->reward->ops->close(p->reward);
    sf_free(p->cost_text);
    sf_free(p->reward_text);
    sf_free(p->path);
    sf_free(p);
}

static surefoot_status parse(struct surefoot_policy **out, const char *text, size_t n,
                             struct sf_policy_env env, surefoot_error *err) {
    *out = NULL;
    struct reader r = {.text = text, .n = n, .err = err};
    struct sf_arena arena = {0};
    plan(&arena, &r);
    SF_TRY(sf_arena_reserve(&arena, err));
    plan(&arena, &r);
    struct surefoot_policy *p = sf_alloc(sizeof *p);
    surefoot_status s = SUREFOOT_OK;
    if (!p) s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the policy");
    if (s == SUREFOOT_OK) s = read_ini(&r);
    if (s == SUREFOOT_OK) {
        struct sf_sha256 digest;
        sf_sha256_begin(&digest);
        env.digest = &digest;
        env.section = r.section;
        env.n_section = r.n_section;
        s = build(p, &env, err);
    }
    sf_arena_free(&arena);
    if (s != SUREFOOT_OK) {
        sf_policy_free(p);
        return s;
    }
    *out = p;
    return SUREFOOT_OK;
}

surefoot_status sf_policy_parse(struct surefoot_policy **out, const char *text, size_t n,
                                const char *dir, surefoot_error *err) {
    return parse(out, text, n, (struct sf_policy_env){.dir = dir}, err);
}

surefoot_status sf_policy_parse_files(struct surefoot_policy **out, const char *text, size_t n,
                                      const surefoot_file *file, size_t n_file,
                                      surefoot_error *err) {
    return parse(out, text, n, (struct sf_policy_env){.file = file, .n_file = n_file}, err);
}
