/* SPDX-License-Identifier: MIT
 * chat.c - chat layouts: messages to text, or to ids with control tokens as ids and content as
 * plain text. A layout writes to a sink; there is one sink for each of the two.
 */
#include "chat.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "utf8.h"

enum shape { NONE, CHATML, LLAMA2, LLAMA3 };
enum {
    BOS = 1,   /* CHATML: BOS first                                                         */
    THINK = 2, /* CHATML: reasoning of earlier answers is left out (Qwen3)                   */
    OPEN_ALWAYS =
        4,     /* LLAMA3: the assistant's turn is opened even when not asked for             */
    DATED = 8, /* LLAMA3: a system message always, that begins with two dates (Llama 3.1)    */
    TODAY = 16 /* the second date is today's, where there is a clock (Llama 3.2)             */
};

static const struct layout {
    const char *name;
    enum shape shape;
    unsigned flags;
    const char *system; /* of a conversation that has none; NULL: none */
} layouts[SF_CHAT_COUNT] = {
    [SF_CHAT_NONE] = {"", NONE, 0, NULL},
#define SF_CHAT(id, name, shape, flags, system) [SF_CHAT_##id] = {name, shape, flags, system},
#include "chat.def"
};

const char *sf_chat_name(enum sf_chat c) {
    return layouts[c].name;
}

enum sf_chat sf_chat_by_name(const char *name) {
    for (int c = 1; c < SF_CHAT_COUNT; c++)
        if (strcmp(layouts[c].name, name) == 0) return (enum sf_chat)c;
    return SF_CHAT_NONE;
}

/* ----------------------------------------------------------------------------------- recognition */

static bool same_template(const char *canon, size_t n, const char *known, char *scratch) {
    size_t m = sf_chat_canon(known, strlen(known), scratch);
    return m == n && memcmp(canon, scratch, n) == 0;
}

static enum sf_chat recognise(const char *canon, size_t n) {
    static const struct {
        enum sf_chat layout;
        const char *text;
    } known[] = {
#define SF_CHAT_IS(id, template) {SF_CHAT_##id, template},
#include "chat.def"
    };
    static const struct {
        enum sf_chat layout;
        uint64_t hash;
    } hashes[] = {
#define SF_CHAT_HASH(id, hash, whose) {SF_CHAT_##id, hash},
#include "chat.def"
    };
    uint64_t hash = sf_chat_hash(canon, n);
    size_t longest = 0;
    enum sf_chat found = SF_CHAT_NONE;
    for (size_t i = 0; i < SF_COUNT(hashes); i++)
        if (hashes[i].hash == hash) return hashes[i].layout;
    for (size_t i = 0; i < SF_COUNT(known); i++) longest = sf_max(longest, strlen(known[i].text));
    char *scratch = sf_alloc(SF_CHAT_CANON(longest));
    for (size_t i = 0; scratch && i < SF_COUNT(known) && found == SF_CHAT_NONE; i++)
        if (same_template(canon, n, known[i].text, scratch)) found = known[i].layout;
    sf_free(scratch);
    return found;
}

enum sf_chat sf_chat_recognise(const char *tmpl, size_t n) {
    size_t bytes;
    if (!sf_size_mul(&bytes, n, 4) || !sf_size_add(&bytes, bytes, 64)) return SF_CHAT_NONE;
    char *canon = sf_alloc(bytes);
    if (!canon) return SF_CHAT_NONE;
    size_t len = sf_chat_canon(tmpl, n, canon);
    enum sf_chat c = len ? recognise(canon, len) : SF_CHAT_NONE;
    sf_free(canon);
    return c;
}

/* ----------------------------------------------------------------------------------------- sinks */

struct sink {
    const struct sf_chat_text *how; /* for text */
    const struct sf_tokenizer *t;   /* for ids; NULL: text */
    bool open;                      /* the assistant's turn is opened */
    char *text;                     /* text: the caller's; ids: the run of plain text so far */
    size_t cap, n;
    int32_t *ids;
    size_t ids_cap, n_ids;
    surefoot_error *err;
};

static surefoot_status put(struct sink *s, const char *p, size_t n) {
    if (s->t && s->n + n > s->cap) {
        size_t cap = sf_max(256, 2 * s->cap);
        while (cap < s->n + n) cap *= 2;
        char *q = sf_alloc(cap);
        if (!q) return sf_fail(s->err, SUREFOOT_E_MEMORY, 0, "no memory for the conversation");
        if (s->n) memcpy(q, s->text, s->n);
        sf_free(s->text);
        s->text = q;
        s->cap = cap;
    }
    if (s->n < s->cap) memcpy(s->text + s->n, p, sf_min(n, s->cap - s->n));
    s->n += n;
    return SUREFOOT_OK;
}

static surefoot_status puts_(struct sink *s, const char *p) {
    return put(s, p, strlen(p));
}

/* Encodes the plain text gathered so far. Control tokens cannot come out of it. */
static surefoot_status flush(struct sink *s) {
    size_t n = 0, room = s->n_ids < s->ids_cap ? s->ids_cap - s->n_ids : 0;
    if (s->n == 0) return SUREFOOT_OK;
    surefoot_error e = {0};
    surefoot_status st =
        sf_encode(s->t, s->text, s->n, 0, room ? s->ids + s->n_ids : NULL, room, &n, &e);
    s->n = 0;
    s->n_ids += n;
    if (st == SUREFOOT_E_USAGE && n > room) return SUREFOOT_OK; /* counted; the end tells */
    if (st != SUREFOOT_OK && s->err) *s->err = e;
    return st;
}

static surefoot_status put_id(struct sink *s, int32_t id) {
    SF_TRY(flush(s));
    if (s->n_ids < s->ids_cap) s->ids[s->n_ids] = id;
    s->n_ids++;
    return SUREFOOT_OK;
}

/* A control token by its spelling. */
static surefoot_status mark(struct sink *s, const char *spelling) {
    if (!s->t) return puts_(s, spelling);
    int32_t id = sf_tokenizer_find(s->t, spelling, strlen(spelling));
    if (id < 0 || !(sf_tokenizer_attr(s->t, id) & (SF_TOK_CONTROL | SF_TOK_USER)))
        return sf_fail(s->err, SUREFOOT_E_USAGE, 0,
                       "the chat template needs the token %s, which the vocabulary lacks",
                       spelling);
    return put_id(s, id);
}

/* Markers that are control tokens in some vocabularies and text in others ("[INST]"). */
static surefoot_status mark_or_text(struct sink *s, const char *spelling) {
    int32_t id = s->t ? sf_tokenizer_find(s->t, spelling, strlen(spelling)) : -1;
    bool special = id >= 0 && (sf_tokenizer_attr(s->t, id) & (SF_TOK_CONTROL | SF_TOK_USER));
    return special ? put_id(s, id) : puts_(s, spelling);
}

static surefoot_status put_bos(struct sink *s) {
    if (!s->t) return puts_(s, s->how->bos);
    int32_t id = sf_tokenizer_bos(s->t);
    return id < 0 ? SUREFOOT_OK : put_id(s, id); /* without one bos_token is empty */
}

static surefoot_status put_eos(struct sink *s) {
    if (!s->t) return puts_(s, s->how->eos);
    int32_t id = sf_tokenizer_eos(s->t);
    return id < 0 ? SUREFOOT_OK : put_id(s, id);
}

/* ------------------------------------------------------------------------------------------ text */

static struct sf_str str(const char *p) {
    return (struct sf_str){p, strlen(p)};
}

static bool white(uint32_t c) { /* what Python's str.strip takes */
    return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
           c == 0x205F || c == 0x3000;
}

static struct sf_str trim_end(struct sf_str s) {
    while (s.n > 0) {
        size_t k = s.n - 1;
        uint32_t cp = 0;
        while (k > 0 && s.n - k < 4 && ((unsigned char)s.p[k] & 0xC0) == 0x80) k--;
        if (sf_utf8_decode((const unsigned char *)s.p + k, s.n - k, &cp) != (int)(s.n - k) ||
            !white(cp))
            break;
        s.n = k;
    }
    return s;
}

static struct sf_str trim(struct sf_str s) {
    uint32_t cp;
    int len;
    while (s.n > 0 && (len = sf_utf8_decode((const unsigned char *)s.p, s.n, &cp)) > 0 && white(cp))
        s.p += len, s.n -= (size_t)len;
    return trim_end(s);
}

static struct sf_str strip(struct sf_str s, char c) {
    while (s.n > 0 && s.p[0] == c) s.p++, s.n--;
    while (s.n > 0 && s.p[s.n - 1] == c) s.n--;
    return s;
}

/* First (or last) place of what in s, NULL if none. */
static const char *find(struct sf_str s, const char *what, bool last) {
    const char *found = NULL;
    size_t n = strlen(what);
    for (size_t i = 0; i + n <= s.n; i++)
        if (memcmp(s.p + i, what, n) == 0) {
            found = s.p + i;
            if (!last) break;
        }
    return found;
}

static bool role(const surefoot_message *m, const char *name) {
    return strcmp(m->role, name) == 0;
}

/* ---------------------------------------------------------------------------------------- chatml */

/* Index of the last message of a user that is not a tool's answer; n - 1 if there is none. */
static size_t last_query(const surefoot_message *m, size_t n) {
    static const char open[] = "<tool_response>", close[] = "</tool_response>";
    for (size_t i = n; i-- > 0;) {
        size_t len = strlen(m[i].content), a = sizeof open - 1, b = sizeof close - 1;
        bool tool = len >= a && len >= b && memcmp(m[i].content, open, a) == 0 &&
                    memcmp(m[i].content + len - b, close, b) == 0;
        if (role(&m[i], "user") && !tool) return i;
    }
    return n - 1;
}

/* An answer under Qwen3: what was thought is shown again only behind the last question. */
static surefoot_status thinking(struct sink *s, struct sf_str content, bool current, bool last) {
    struct sf_str thought = {"", 0};
    const char *close = find(content, "</think>", false);
    if (close) {
        thought = (struct sf_str){content.p, (size_t)(close - content.p)};
        while (thought.n > 0 && thought.p[thought.n - 1] == '\n') thought.n--;
        const char *open = find(thought, "<think>", true);
        if (open) {
            thought.n -= (size_t)(open + 7 - thought.p);
            thought.p = open + 7;
        }
        while (thought.n > 0 && *thought.p == '\n') thought.p++, thought.n--;
        close = find(content, "</think>", true) + 8;
        content = (struct sf_str){close, content.n - (size_t)(close - content.p)};
        while (content.n > 0 && *content.p == '\n') content.p++, content.n--;
    }
    if (current && (last || thought.n > 0)) {
        while (content.n > 0 && *content.p == '\n') content.p++, content.n--;
        thought = strip(thought, '\n');
        SF_TRY(mark_or_text(s, "<think>"));
        SF_TRY(puts_(s, "\n"));
        SF_TRY(put(s, thought.p, thought.n));
        SF_TRY(puts_(s, "\n"));
        SF_TRY(mark_or_text(s, "</think>"));
        SF_TRY(puts_(s, "\n\n"));
    }
    return put(s, content.p, content.n);
}

static surefoot_status chatml_turn(struct sink *s, const char *who, const char *content) {
    SF_TRY(mark(s, "<|im_start|>"));
    SF_TRY(puts_(s, who));
    SF_TRY(puts_(s, "\n"));
    SF_TRY(puts_(s, content));
    SF_TRY(mark(s, "<|im_end|>"));
    return puts_(s, "\n");
}

static surefoot_status chatml(struct sink *s, const struct layout *l, const surefoot_message *m,
                              size_t n) {
    size_t query = last_query(m, n);
    if (l->flags & BOS) SF_TRY(put_bos(s));
    if (l->system && !role(&m[0], "system")) SF_TRY(chatml_turn(s, "system", l->system));
    for (size_t i = 0; i < n; i++) {
        if (!(l->flags & THINK) || !role(&m[i], "assistant")) {
            SF_TRY(chatml_turn(s, m[i].role, m[i].content));
            continue;
        }
        SF_TRY(mark(s, "<|im_start|>"));
        SF_TRY(puts_(s, "assistant\n"));
        SF_TRY(thinking(s, str(m[i].content), i > query, i + 1 == n));
        SF_TRY(mark(s, "<|im_end|>"));
        SF_TRY(puts_(s, "\n"));
    }
    if (!s->open) return SUREFOOT_OK;
    SF_TRY(mark(s, "<|im_start|>"));
    return puts_(s, "assistant\n");
}

/* ---------------------------------------------------------------------------------- llama2, llama3 */

static surefoot_status llama2(struct sink *s, const surefoot_message *m, size_t n) {
    size_t first = role(&m[0], "system") ? 1 : 0;
    for (size_t i = first; i < n; i++) {
        bool user = role(&m[i], "user"), asked = (i - first) % 2 == 0;
        if (user != asked || (!user && !role(&m[i], "assistant")))
            return sf_fail(s->err, SUREFOOT_E_USAGE, i,
                           "message %zu is by '%.16s': this chat template wants user and assistant "
                           "in turns, after at most one system message",
                           i, m[i].role);
        struct sf_str c = trim(str(m[i].content));
        if (user) {
            SF_TRY(put_bos(s));
            SF_TRY(mark_or_text(s, "[INST]"));
            SF_TRY(puts_(s, " "));
            if (first == 1 && i == 1) { /* then the content is trimmed only behind */
                c = trim_end(str(m[i].content));
                SF_TRY(mark_or_text(s, "<<SYS>>"));
                SF_TRY(puts_(s, "\n"));
                SF_TRY(puts_(s, m[0].content));
                SF_TRY(puts_(s, "\n"));
                SF_TRY(mark_or_text(s, "<</SYS>>"));
                SF_TRY(puts_(s, c.n ? "\n\n" : ""));
            }
            SF_TRY(put(s, c.p, c.n));
            SF_TRY(puts_(s, " "));
            SF_TRY(mark_or_text(s, "[/INST]"));
        } else {
            SF_TRY(puts_(s, " "));
            SF_TRY(put(s, c.p, c.n));
            SF_TRY(puts_(s, " "));
            SF_TRY(put_eos(s));
        }
    }
    return first == n
               ? sf_fail(s->err, SUREFOOT_E_USAGE, 0,
                         "the only message is the system's: this chat template wants a user's")
               : SUREFOOT_OK;
}

static surefoot_status llama3_open(struct sink *s, const char *who) {
    SF_TRY(mark(s, "<|start_header_id|>"));
    SF_TRY(puts_(s, who));
    SF_TRY(mark(s, "<|end_header_id|>"));
    return puts_(s, "\n\n");
}

static surefoot_status llama3(struct sink *s, const struct layout *l, const surefoot_message *m,
                              size_t n) {
    size_t i = 0;
    SF_TRY(put_bos(s));
    if (l->flags & DATED) {
        struct sf_str system = {"", 0};
        if (role(&m[0], "system")) system = trim(str(m[i++].content));
        const char *today = !s->t && (l->flags & TODAY) ? s->how->today : NULL;
        SF_TRY(llama3_open(s, "system"));
        SF_TRY(puts_(s, "Cutting Knowledge Date: December 2023\nToday Date: "));
        SF_TRY(puts_(s, today ? today : "26 Jul 2024"));
        SF_TRY(puts_(s, "\n\n"));
        SF_TRY(put(s, system.p, system.n));
        SF_TRY(mark(s, "<|eot_id|>"));
    }
    for (; i < n; i++) {
        struct sf_str c = trim(str(m[i].content));
        SF_TRY(llama3_open(s, m[i].role));
        SF_TRY(put(s, c.p, c.n));
        SF_TRY(mark(s, "<|eot_id|>"));
    }
    return s->open || (l->flags & OPEN_ALWAYS) ? llama3_open(s, "assistant") : SUREFOOT_OK;
}

/* ------------------------------------------------------------------------------------------ doors */

static surefoot_status render(struct sink *s, enum sf_chat c, const surefoot_message *m, size_t n) {
    if (n == 0) return sf_fail(s->err, SUREFOOT_E_USAGE, 0, "a conversation without messages");
    for (size_t i = 0; i < n; i++) {
        if (!m[i].role || !m[i].content)
            return sf_fail(s->err, SUREFOOT_E_USAGE, i, "message %zu has no role or content", i);
        if (!role(&m[i], "system") && !role(&m[i], "user") && !role(&m[i], "assistant"))
            return sf_fail(s->err, SUREFOOT_E_USAGE, i,
                           "message %zu: role '%.24s' is not system, user or assistant", i,
                           m[i].role);
    }
    switch (layouts[c].shape) {
    case CHATML:
        return chatml(s, &layouts[c], m, n);
    case LLAMA2:
        return llama2(s, m, n);
    case LLAMA3:
        return llama3(s, &layouts[c], m, n);
    case NONE:
        break;
    }
    return sf_fail(s->err, SUREFOOT_E_UNSUPPORTED, 0, "no chat template");
}

surefoot_status sf_chat_encode(const struct sf_tokenizer *t, enum sf_chat c,
                               const surefoot_message *msg, size_t n_msg, int32_t *ids, size_t cap,
                               size_t *n_out, surefoot_error *err) {
    struct sink s = {.t = t, .open = true, .ids = ids, .ids_cap = cap, .err = err};
    *n_out = 0;
    surefoot_status st = render(&s, c, msg, n_msg);
    if (st == SUREFOOT_OK) st = flush(&s);
    sf_free(s.text);
    *n_out = s.n_ids;
    if (st == SUREFOOT_OK && s.n_ids > cap)
        st = sf_fail(err, SUREFOOT_E_USAGE, cap, "room for %zu ids, the conversation has %zu", cap,
                     s.n_ids);
    return st;
}

surefoot_status sf_chat_render(enum sf_chat c, const struct sf_chat_text *how,
                               const surefoot_message *msg, size_t n_msg, char *out, size_t cap,
                               size_t *n_out, surefoot_error *err) {
    struct sink s = {.how = how, .open = how->add_generation_prompt, .text = out, .cap = cap};
    s.err = err;
    surefoot_status st = render(&s, c, msg, n_msg);
    *n_out = s.n;
    if (st == SUREFOOT_OK && s.n > cap)
        st = sf_fail(err, SUREFOOT_E_USAGE, cap, "room for %zu bytes, the conversation has %zu",
                     cap, s.n);
    return st;
}
