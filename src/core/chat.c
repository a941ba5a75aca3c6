/* SPDX-License-Identifier: MIT
 * chat.c - chat templates by name, and conversations to token ids.
 */
#include "chat.h"

#include <string.h>

#include "arena.h"
#include "tokenizer_i.h"

enum { MEMORY = 64 << 20 }; /* bytes one rendering may take */

static const struct {
    const char *name, *text;
} known[SF_CHAT_COUNT] = {
    [SF_CHAT_NONE] = {"", ""},
#define SF_CHAT(id, name, text) [SF_CHAT_##id] = {name, text},
#include "chat.def"
};

const char *sf_chat_name(enum sf_chat c) {
    return known[c].name;
}

const char *sf_chat_text(enum sf_chat c) {
    return known[c].text;
}

enum sf_chat sf_chat_by_name(const char *name) {
    for (int c = 1; c < SF_CHAT_COUNT; c++)
        if (strcmp(known[c].name, name) == 0) return (enum sf_chat)c;
    return SF_CHAT_NONE;
}

/* ----------------------------------------------------------------------------------- recognition */

static bool same_template(const char *canon, size_t n, const char *text, char *scratch) {
    size_t m = sf_chat_canon(text, strlen(text), scratch);
    return m == n && memcmp(canon, scratch, n) == 0;
}

static enum sf_chat recognise(const char *canon, size_t n) {
    static const struct {
        enum sf_chat layout;
        const char *text;
    } published[] = {
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
    for (size_t i = 0; i < SF_COUNT(published); i++)
        longest = sf_max(longest, strlen(published[i].text));
    char *scratch = sf_alloc(SF_CHAT_CANON(longest));
    for (size_t i = 0; scratch && i < SF_COUNT(published) && found == SF_CHAT_NONE; i++)
        if (same_template(canon, n, published[i].text, scratch)) found = published[i].layout;
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

/* --------------------------------------------------------------------------------------- templates */

struct sf_chat_template {
    struct sf_jinja *plain, *tools; /* tools: for conversations with tools; may be NULL */
    enum sf_chat named;             /* chosen by name: its markers must be in the vocabulary */
};

void sf_chat_close(struct sf_chat_template *c) {
    if (!c) return;
    sf_jinja_close(c->plain);
    sf_jinja_close(c->tools);
    sf_free(c);
}

static surefoot_status open_texts(struct sf_chat_template **out, const char *plain, size_t n,
                                  const char *tools, size_t n_tools, surefoot_error *err) {
    struct sf_chat_template *c = sf_alloc(sizeof *c);
    *out = NULL;
    if (!c) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the chat template");
    surefoot_status s = sf_jinja_parse(&c->plain, plain, n, err);
    if (s == SUREFOOT_OK && tools) s = sf_jinja_parse(&c->tools, tools, n_tools, err);
    if (s != SUREFOOT_OK) {
        sf_chat_close(c);
        return s;
    }
    *out = c;
    return SUREFOOT_OK;
}

static surefoot_status unknown(const char *name, size_t n, surefoot_error *err) {
    char names[160] = "";
    for (int c = 1; c < SF_CHAT_COUNT; c++) {
        if (c > 1) strcat(names, ", ");
        strcat(names, known[c].name);
        if (strlen(names) > sizeof names - 20) break;
    }
    return sf_fail(err, SUREFOOT_E_USAGE, 0, "no chat template is called '%.*s' (there are: %s)",
                   (int)sf_min(n, 40), name, names);
}

surefoot_status sf_chat_open(struct sf_chat_template **out, const char *p, size_t n,
                             surefoot_error *err) {
    char name[32] = "";
    *out = NULL;
    if (memchr(p, '{', n)) return open_texts(out, p, n, NULL, 0, err);
    if (n < sizeof name) memcpy(name, p, n);
    enum sf_chat c = sf_chat_by_name(name);
    if (c == SF_CHAT_NONE || strlen(name) != n) return unknown(p, n, err);
    SF_TRY(open_texts(out, known[c].text, strlen(known[c].text), NULL, 0, err));
    (*out)->named = c;
    return SUREFOOT_OK;
}

surefoot_status sf_chat_open_gguf(struct sf_chat_template **out, const struct sf_gguf *g,
                                  surefoot_error *err) {
    struct sf_str plain, tools;
    bool found, more;
    *out = NULL;
    SF_TRY(sf_gguf_get_str(g, "tokenizer.chat_template", &plain, &found, err));
    SF_TRY(sf_gguf_get_str(g, "tokenizer.chat_template.tool_use", &tools, &more, err));
    if (!found) return SUREFOOT_OK;
    return open_texts(out, plain.p, plain.n, more ? tools.p : NULL, more ? tools.n : 0, err);
}

/* ---------------------------------------------------------------------------------------- variables */

/* Roles that the field knows are the template's own words: a template may build a marker from one
 * ("<|" + role + "|>"). Any other text in their place is data. */
static const unsigned char *role_mark(const char *p, size_t n) {
    static const char *const roles[] = {"system",    "user",     "assistant",   "tool",
                                        "developer", "function", "observation", "ipython"};
    for (size_t i = 0; i < SF_COUNT(roles); i++)
        if (strlen(roles[i]) == n && memcmp(roles[i], p, n) == 0) return NULL;
    return SF_JINJA_DATA;
}

static surefoot_status no_room(const struct sf_jinja_mem *m, surefoot_error *err) {
    return m->over ? sf_fail(err, SUREFOOT_E_LIMIT, 0, "the conversation wants more than %zu MiB",
                             m->limit >> 20)
                   : sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the conversation");
}

static struct sf_jinja_value name_of(const char *s) {
    return sf_jinja_str(s, strlen(s), NULL);
}

static surefoot_status message_list(const struct sf_chat_input *in, struct sf_jinja_mem *m,
                                    struct sf_jinja_value *out, surefoot_error *err) {
    if (!sf_jinja_list_new(m, out, in->n_messages)) return no_room(m, err);
    for (size_t i = 0; i < in->n_messages; i++) {
        const surefoot_message *x = &in->messages[i];
        struct sf_jinja_value one;
        if (!x->role || !x->content)
            return sf_fail(err, SUREFOOT_E_USAGE, i, "message %zu has no role or content", i);
        size_t role = strlen(x->role), content = strlen(x->content);
        if (!role) return sf_fail(err, SUREFOOT_E_USAGE, i, "message %zu: the role is empty", i);
        if (!sf_jinja_dict_new(m, &one, 2) ||
            !sf_jinja_append(m, one.dict, name_of("role"),
                             sf_jinja_str(x->role, role, role_mark(x->role, role))) ||
            !sf_jinja_append(m, one.dict, name_of("content"),
                             sf_jinja_str(x->content, content, SF_JINJA_DATA)) ||
            !sf_jinja_push(m, out->list, one))
            return no_room(m, err);
    }
    return SUREFOOT_OK;
}

/* The roles of messages that came as JSON. */
static surefoot_status check_messages(struct sf_jinja_value *messages, surefoot_error *err) {
    if (messages->type != SF_JINJA_LIST)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "messages are a list");
    for (size_t i = 0; i < messages->list->n; i++) {
        struct sf_jinja_value *x = &messages->list->item[i], *role = NULL;
        if (x->type == SF_JINJA_DICT) role = sf_jinja_find(x->dict, "role");
        if (!role || role->type != SF_JINJA_STR)
            return sf_fail(err, SUREFOOT_E_USAGE, i, "message %zu has no role", i);
        role->mark = role_mark(role->p, role->n);
    }
    return SUREFOOT_OK;
}

static surefoot_status variables(const struct sf_chat_input *in, struct sf_jinja_mem *m,
                                 struct sf_jinja_value *vars, surefoot_error *err) {
    struct sf_jinja_value list = sf_jinja_none();
    const char *bos = in->bos ? in->bos : "", *eos = in->eos ? in->eos : "";
    if (!sf_jinja_dict_new(m, vars, 8)) return no_room(m, err);
    if (in->variables) {
        SF_TRY(sf_jinja_from_json(m, in->variables, in->n_variables, vars, err));
        if (vars->type != SF_JINJA_DICT)
            return sf_fail(err, SUREFOOT_E_USAGE, 0, "a template's variables are a JSON object");
    }
    if (in->messages) {
        SF_TRY(message_list(in, m, &list, err));
    } else {
        const struct sf_jinja_value *given = sf_jinja_find(vars->dict, "messages");
        if (given) list = *given;
        SF_TRY(check_messages(&list, err));
    }
    if (list.list->n == 0)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "a conversation without messages");
    bool ok = sf_jinja_put(m, vars->dict, name_of("messages"), list) &&
              sf_jinja_put(m, vars->dict, name_of("add_generation_prompt"),
                           sf_jinja_bool(!in->no_generation_prompt)) &&
              sf_jinja_put(m, vars->dict, name_of("bos_token"), name_of(bos)) &&
              sf_jinja_put(m, vars->dict, name_of("eos_token"), name_of(eos));
    /* Both are always there in the environment templates are written for. */
    static const char *const none[] = {"tools", "documents"};
    for (size_t i = 0; ok && i < SF_COUNT(none); i++)
        if (!sf_jinja_find(vars->dict, none[i]))
            ok = sf_jinja_put(m, vars->dict, name_of(none[i]), sf_jinja_none());
    return ok ? SUREFOOT_OK : no_room(m, err);
}

surefoot_status sf_chat_run(const struct sf_chat_template *c, struct sf_jinja_mem *m,
                            const struct sf_jinja_value *vars, const struct sf_jinja_options *o,
                            struct sf_jinja_value *out, surefoot_error *err) {
    const struct sf_jinja_value *tools = sf_jinja_find(vars->dict, "tools");
    bool with = tools && tools->type == SF_JINJA_LIST && tools->list->n > 0;
    return sf_jinja_run(with && c->tools ? c->tools : c->plain, m, vars, o, out, err);
}

surefoot_status sf_chat_render(const struct sf_chat_template *c, struct sf_jinja_mem *m,
                               const struct sf_chat_input *in, struct sf_jinja_value *out,
                               surefoot_error *err) {
    struct sf_jinja_value vars;
    struct sf_jinja_options o = {.clock = in->clock};
    SF_TRY(variables(in, m, &vars, err));
    return sf_chat_run(c, m, &vars, &o, out, err);
}

/* -------------------------------------------------------------------------------------------- to ids */

struct ids {
    const struct sf_tokenizer *t;
    int32_t *id;
    size_t cap, n;
};

/* Plain text: no control token can come out of it. */
static surefoot_status plain(struct ids *o, const char *p, size_t n, surefoot_error *err) {
    size_t more = 0, room = o->n < o->cap ? o->cap - o->n : 0;
    surefoot_error e = {0};
    if (n == 0) return SUREFOOT_OK;
    surefoot_status s = sf_encode(o->t, p, n, 0, room ? o->id + o->n : NULL, room, &more, &e);
    o->n += more;
    if (s == SUREFOOT_E_USAGE && more > room) return SUREFOOT_OK; /* counted; the end tells */
    if (s != SUREFOOT_OK && err) *err = e;
    return s;
}

/* Control tokens are looked for in stretches that the template wrote, and only inside of one. */
static surefoot_status encode(struct ids *o, const struct sf_jinja_value *v, surefoot_error *err) {
    const unsigned char *mark = v->mark;
    size_t from = 0, own = 0, len = 0; /* own: end of the stretch i is in */
    if (mark == SF_JINJA_DATA) return plain(o, v->p, v->n, err);
    for (size_t i = 0; i < v->n;) {
        if (mark && mark[i]) {
            i++;
            continue;
        }
        if (own <= i)
            for (own = i; own < v->n && !(mark && mark[own]);) own++;
        int32_t id = sf_tok_special(o->t, v->p + i, own - i, SF_ENCODE_SPECIAL, &len);
        if (id < 0) {
            i++;
            continue;
        }
        SF_TRY(plain(o, v->p + from, i - from, err));
        if (o->n < o->cap) o->id[o->n] = id;
        o->n++;
        from = i += len;
    }
    return plain(o, v->p + from, v->n - from, err);
}

/* A template chosen by name may not fit the model: every <|marker|> of it must be a token there. */
static surefoot_status fits(const char *text, const struct sf_tokenizer *t, surefoot_error *err) {
    for (const char *p = text; (p = strstr(p, "<|")) != NULL; p += 2) {
        const char *end = strstr(p, "|>");
        size_t n = end ? (size_t)(end + 2 - p) : 0;
        int32_t id = n ? sf_tokenizer_find(t, p, n) : -1;
        if (id < 0 || !(sf_tokenizer_attr(t, id) & (SF_TOK_CONTROL | SF_TOK_USER)))
            return sf_fail(err, SUREFOOT_E_USAGE, 0,
                           "the chat template needs the token %.*s, which the vocabulary lacks",
                           (int)sf_min(n, 40), p);
    }
    return SUREFOOT_OK;
}

/* Spelling of a token, as a string of m; "" where there is none. */
static surefoot_status spelling(struct sf_jinja_mem *m, const struct sf_tokenizer *t, int32_t id,
                                const char **out, surefoot_error *err) {
    struct sf_str s = {"", 0};
    if (id >= 0) s = sf_token_spelling(t, id);
    char *p = sf_jinja_take(m, s.n + 1, 1);
    if (!p) return no_room(m, err);
    if (s.n) memcpy(p, s.p, s.n);
    *out = p;
    return SUREFOOT_OK;
}

/* A word that only names whose turn it is, with white space or a colon around it: no answer yet. */
static bool names_a_role(const char *p, size_t n) {
    static const char *const roles[] = {"assistant", "model", "ai", "bot", "gpt", "answer"};
    while (n && (p[n - 1] == ' ' || p[n - 1] == '\n' || p[n - 1] == ':')) n--;
    while (n && (*p == ' ' || *p == '\n' || *p == '#')) p++, n--;
    for (size_t i = 0; i < SF_COUNT(roles); i++)
        if (strlen(roles[i]) == n) {
            size_t k = 0;
            while (k < n && (p[k] | 0x20) == roles[i][k]) k++;
            if (k == n) return true;
        }
    return n == 0;
}

/* Which of the n ids are the conversation's, free of charge: what the template itself has written
 * into the answer's turn ("<think>", "Sure, here is") is answer. The turn begins where the same
 * conversation without an opened turn ends, or behind the last control token if that is later. */
static size_t conversation(const struct ids *with, const struct ids *without) {
    char text[64];
    size_t begin = 0, n = 0, most = sf_min(with->n, sf_min(without->n, without->cap));
    while (begin < most && with->id[begin] == without->id[begin]) begin++;
    for (size_t i = with->n; i-- > begin;)
        if (sf_tokenizer_attr(with->t, with->id[i]) & SF_TOK_CONTROL) {
            begin = i + 1;
            break;
        }
    for (size_t i = begin; i < with->n; i++) {
        struct sf_str piece = sf_token_bytes(with->t, with->id[i]);
        if (piece.n > sizeof text - n) return begin;
        memcpy(text + n, piece.p, piece.n);
        n += piece.n;
    }
    return names_a_role(text, n) ? with->n : begin;
}

surefoot_status sf_chat_encode(const struct sf_chat_template *c, const struct sf_tokenizer *t,
                               const struct sf_chat_input *in, int32_t *ids, size_t cap,
                               size_t *n_out, size_t *n_free, surefoot_error *err) {
    struct sf_jinja_mem m = {.limit = MEMORY};
    struct sf_chat_input with = *in;
    struct ids o = {.t = t, .id = ids, .cap = cap};
    struct sf_jinja_value text;
    *n_out = *n_free = 0;
    SF_TRY(fits(known[c->named].text, t, err));
    surefoot_status s = spelling(&m, t, sf_tokenizer_bos(t), &with.bos, err);
    if (s == SUREFOOT_OK) s = spelling(&m, t, sf_tokenizer_eos(t), &with.eos, err);
    if (s == SUREFOOT_OK) s = sf_chat_render(c, &m, &with, &text, err);
    if (s == SUREFOOT_OK) s = encode(&o, &text, err);
    *n_out = o.n;
    if (s == SUREFOOT_OK && o.n > cap)
        s = sf_fail(err, SUREFOOT_E_USAGE, cap, "room for %zu ids, the conversation has %zu", cap,
                    o.n);
    if (s == SUREFOOT_OK) {
        struct ids closed = {.t = t, .cap = o.n};
        with.no_generation_prompt = true;
        if (o.n && !(closed.id = sf_jinja_take(&m, o.n, sizeof *closed.id))) s = no_room(&m, err);
        /* A template that cannot leave the turn closed: only control tokens tell where it begins. */
        surefoot_status other = s;
        if (s == SUREFOOT_OK) other = sf_chat_render(c, &m, &with, &text, NULL);
        if (other == SUREFOOT_OK) other = encode(&closed, &text, NULL);
        if (other != SUREFOOT_OK) closed.n = 0;
        if (other == SUREFOOT_E_MEMORY) s = no_room(&m, err);
        if (s == SUREFOOT_OK) *n_free = in->no_generation_prompt ? o.n : conversation(&o, &closed);
    }
    sf_jinja_mem_free(&m);
    return s;
}
