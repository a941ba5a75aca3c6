/* SPDX-License-Identifier: MIT
 * generate.c - prompts, prefix reuse, and plain generation; see generate.h.
 */
#include "generate.h"

#include <math.h>
#include <string.h>

#include "stop.h"
#include "utf8.h"

/* Through the template named or given, or the model's own. */
static surefoot_status encode_chat(const surefoot_model *m, const surefoot_prompt *p, int32_t *ids,
                                   size_t cap, size_t *n_out, size_t *n_free, surefoot_error *err) {
    const struct sf_chat_input in = {.messages = p->messages,
                                     .n_messages = p->n_messages,
                                     .variables = p->variables,
                                     .n_variables = p->n_variables};
    struct sf_chat_template *given = NULL;
    if (p->chat_template) {
        SF_TRY(sf_chat_open(&given, p->chat_template, strlen(p->chat_template), err));
    } else if (!m->chat) {
        if (m->has_template)
            return sf_fail(err, m->chat_error.code, m->chat_error.where,
                           "%.160s (--chat-template NAME|FILE gives another one, --raw none)",
                           m->chat_error.text);
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "the model has no chat template: give one with --chat-template NAME|FILE, "
                       "or use --raw");
    }
    surefoot_status s =
        sf_chat_encode(given ? given : m->chat, m->tokenizer, &in, ids, cap, n_out, n_free, err);
    sf_chat_close(given);
    return s;
}

surefoot_status sf_prompt_encode(const surefoot_model *m, const surefoot_prompt *p, int32_t *ids,
                                 size_t cap, size_t *n_out, size_t *n_free, surefoot_error *err) {
    surefoot_status s;
    *n_out = *n_free = 0;
    if (p->ids) {
        *n_out = p->n_ids;
        if (p->n_ids <= cap) memcpy(ids, p->ids, p->n_ids * sizeof *ids);
        s = p->n_ids <= cap ? SUREFOOT_OK
                            : sf_fail(err, SUREFOOT_E_USAGE, 0, "a prompt of %zu tokens", p->n_ids);
    } else if (p->messages || p->variables) {
        return encode_chat(m, p, ids, cap, n_out, n_free, err);
    } else {
        s = sf_encode(m->tokenizer, p->text ? p->text : "", p->text ? p->n_text : 0, SF_ENCODE_BOS,
                      ids, cap, n_out, err);
    }
    *n_free = *n_out;
    return s;
}

surefoot_status sf_prompt_feed(surefoot_session *s, const int32_t *ids, size_t n, size_t *reused,
                               surefoot_error *err) {
    if (n == 0)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "the prompt is empty and the model has no BOS token to start from");
    if (n > s->n_ctx)
        return sf_fail(
            err, SUREFOOT_E_CONTEXT, n,
            "the prompt has %zu tokens, the context holds %u: use -c %zu or a shorter one", n,
            s->n_ctx, n + 1);
    size_t same = 0, held = s->kv.seq[0].len;
    while (same < n && same < held && s->history[same] == ids[same]) same++;
    if (same == n && !(same == held && sf_session_logits(s, 0)))
        same = n - 1; /* logits are needed */
    *reused = same;
    sf_session_truncate(s, 0, (uint32_t)same);
    return same < n ? sf_session_prefill(s, 0, ids + same, n - same, 0, err) : SUREFOOT_OK;
}

bool sf_drops_space(const surefoot_session *s) {
    const struct sf_tokenizer *t = s->m->tokenizer;
    return sf_tokenizer_space_prefix(t) && s->kv.seq[0].len == 1 &&
           s->history[0] == sf_tokenizer_bos(t);
}

/* Text on its way out of the plain loop: repaired, held back only for partial stop strings. */
struct outlet {
    const struct sf_request *r;
    struct sf_utf8 utf8;
    struct sf_stops stops;
    struct sf_stop_state at;
    char held[SF_MAX_STOP_BYTES]; /* bytes that may become a stop string */
    size_t n_held;
};

/* Emits n bytes of held + fresh text, keeping the rest held. */
static int flush(struct outlet *o, const char *fresh, size_t n_fresh, size_t n,
                 const surefoot_token *tok) {
    size_t from_held = sf_min(n, o->n_held);
    int stop = 0;
    if (from_held > 0) stop = o->r->emit(o->r->user, o->held, from_held, NULL, 0);
    memmove(o->held, o->held + from_held, o->n_held - from_held);
    o->n_held -= from_held;
    size_t from_fresh = n - from_held;
    if (!stop && (from_fresh > 0 || tok))
        stop = o->r->emit(o->r->user, fresh, from_fresh, tok, tok ? 1 : 0);
    memcpy(o->held + o->n_held, fresh + from_fresh, n_fresh - from_fresh);
    o->n_held += n_fresh - from_fresh;
    return stop;
}

/* One token's bytes: true when the text ends here (*finish set). */
static bool put(struct outlet *o, const char *bytes, size_t n, const surefoot_token *tok,
                surefoot_finish *finish) {
    char text[SF_UTF8_OUT(256)];
    bool done = false;
    for (size_t i = 0; !done && (i < n || i == 0); i += 256) {
        size_t part = sf_min(n - i, 256), end, len;
        size_t fresh = sf_utf8_feed(&o->utf8, bytes + i, part, text);
        const surefoot_token *t = i + part >= n ? tok : NULL;
        if (sf_stop_feed(&o->stops, &o->at, text, fresh, &end, &len)) {
            *finish = SUREFOOT_FINISH_STOP;
            flush(o, text, end, o->n_held + end - len, NULL);
            return true;
        }
        size_t keep = sf_stop_pending(&o->stops, &o->at);
        if (flush(o, text, fresh, o->n_held + fresh - keep, t)) {
            *finish = SUREFOOT_FINISH_ABORTED;
            done = true;
        }
    }
    return done;
}

static void describe(const struct sf_generator *g, const surefoot_session *s, int32_t id,
                     surefoot_token *t) {
    const surefoot_sampling *o = &s->sampler.opt;
    *t = (surefoot_token){.id = id, .logprob = NAN};
    if (!o->logprobs && o->n_logprobs == 0) return;
    t->logprob = g->logprob(g->self, 0, id);
    int32_t ids[20];
    t->n_top = (int)o->n_logprobs;
    sf_top(sf_session_logits(s, 0), s->m->config.n_vocab, ids, t->n_top);
    for (int i = 0; i < t->n_top; i++) {
        t->top[i].id = ids[i];
        t->top[i].logprob = g->logprob(g->self, 0, ids[i]);
    }
}

surefoot_status sf_generate_plain(surefoot_session *s, const struct sf_request *r,
                                  surefoot_stats *stats, surefoot_error *err) {
    struct sf_generator g;
    struct outlet o = {.r = r};
    sf_generator_lm(&g, s);
    SF_TRY(sf_stops_init(&o.stops, r->sampling->stop, r->sampling->n_stop, err));
    bool drop_space = sf_drops_space(s);
    double start = g.now(g.self);
    surefoot_finish finish = SUREFOOT_FINISH_NONE;
    surefoot_status st = SUREFOOT_OK;
    for (uint32_t t = 0; finish == SUREFOOT_FINISH_NONE; t++) {
        int32_t id;
        size_t n;
        bool ends;
        surefoot_token tok;
        if (t >= r->sampling->n_predict) {
            finish = SUREFOOT_FINISH_LENGTH;
            break;
        }
        st = g.sample(g.self, 0, &(struct sf_draw){.t = t}, &id, err);
        if (st != SUREFOOT_OK) break;
        const char *bytes = g.piece(g.self, id, &n, &ends);
        if (ends) {
            finish = SUREFOOT_FINISH_EOS;
            break;
        }
        if (t == 0 && drop_space && n > 0 && bytes[0] == ' ') bytes++, n--;
        describe(&g, s, id, &tok);
        stats->n_delivered++;
        if (t == 0) stats->first_token_seconds = g.now(g.self) - start;
        if (put(&o, bytes, n, &tok, &finish)) break;
        if (t + 1 >= r->sampling->n_predict) continue; /* its logits are not needed */
        if (g.length(g.self, 0) >= g.n_ctx) {
            finish = SUREFOOT_FINISH_CONTEXT;
            break;
        }
        st = g.step(g.self, &(struct sf_gen_row){0, id}, 1, err);
        if (st == SUREFOOT_E_ABORTED) {
            finish = SUREFOOT_FINISH_ABORTED;
            break;
        }
        if (st != SUREFOOT_OK) break;
        stats->evals++;
    }
    /* What was held for a stop string that did not come, and half a character, still is text. */
    if (finish != SUREFOOT_FINISH_STOP && finish != SUREFOOT_FINISH_ABORTED) {
        char rest[4];
        size_t n = sf_utf8_end(&o.utf8, rest);
        flush(&o, rest, n, o.n_held + n, NULL);
    }
    stats->finish = finish;
    stats->generate_seconds = g.now(g.self) - start;
    return st;
}
