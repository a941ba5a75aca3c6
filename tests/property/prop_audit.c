/* SPDX-License-Identifier: MIT
 * prop_audit.c - the guard over a real transformer and a real lexicon: an audit by ids comes to the
 * guard's own numbers, also where control tokens in the prompt are role boundaries; what a session
 * still holds of an earlier call changes nothing; an allocator that fails changes nothing.
 *
 *     prop_audit DIR      DIR holds the models make_golden.py writes
 */
#include "harness.h"

#include <stdlib.h>

#include "arena.h"
#include "policy.h"

enum {
    CTX = 192,
    BOS = 1,
    EOS = 2,
    LETTERS = 259
}; /* the golden vocabulary: tokens from there on */

static surefoot_model *model;
static char dir[64] = "/tmp/surefoot-audit-XXXXXX", lexicon[80];

static int pick(uint64_t *s, int n) {
    return (int)(sf_rand(s) % (uint64_t)n);
}

/* One request, and what came of it. */
struct answer {
    char text[8192];
    size_t n_text;
    int32_t id[CTX];
    size_t n_id;
    size_t lose; /* bytes after which the client is lost */
    surefoot_stats stats;
    surefoot_status status;
};
static int collect(void *user, const char *text, size_t n, const surefoot_token *tok,
                   size_t n_tok) {
    struct answer *a = user;
    assert_true(n <= sizeof a->text - a->n_text && n_tok <= CTX - a->n_id);
    memcpy(a->text + a->n_text, text, n);
    a->n_text += n;
    for (size_t i = 0; i < n_tok; i++) a->id[a->n_id++] = tok[i].id;
    return a->n_text >= a->lose;
}

static surefoot_policy *policy(uint64_t *s) {
    static const char *const fallback[] = {"no", " no.", "", "hm \xC3\xBC", "hm"};
    static const char *const gamma[] = {"1", "1", "0.9", "0.5"};
    char text[1024];
    surefoot_policy *p;
    surefoot_error e = {0};
    int n = 1 << pick(s, 4), keep = pick(s, 2) && n > 1 ? 2 : 1;
    snprintf(text, sizeof text,
             "[guard]\nmode = %s\nbudget = %s\ngamma = %s\ncandidates = %d\nkeep = %d\nblock = %d\n"
             "retries = %d\nscope = %s\nfallback = %s\n[cost]\nkind = lexicon\nfile = words\n",
             pick(s, 2) ? "full" : "lazy", pick(s, 3) ? "1.5" : "0", gamma[pick(s, 4)], n, keep,
             1 + pick(s, 12), pick(s, 3), pick(s, 3) ? "answer" : "conversation",
             fallback[pick(s, 5)]);
    surefoot_status st = sf_policy_parse(&p, text, strlen(text), dir, &e);
    if (st != SUREFOOT_OK) fail_msg("%s\n%s", e.text, text);
    return p;
}

static void open_session(surefoot_session **out, surefoot_guard **g, const surefoot_policy *p) {
    surefoot_session_options so;
    surefoot_error e = {0};
    surefoot_session_options_init(&so);
    so.n_threads = 1;
    so.n_ctx = CTX;
    so.policy = p;
    if (surefoot_session_open(out, model, &so, &e) || surefoot_guard_open(g, *out, p, &e))
        fail_msg("%s", e.text);
}

/* A prompt of letters, bytes, and control tokens here and there. */
static size_t prompt(int32_t *id, uint64_t *s) {
    size_t n = 0;
    id[n++] = BOS;
    for (int i = pick(s, 8); i > 0; i--)
        id[n++] = pick(s, 5) == 0 ? EOS : pick(s, 6) ? LETTERS + pick(s, 60) : 3 + pick(s, 256);
    if (n > 1 && pick(s, 3) == 0) id[n++] = EOS;
    return n;
}

static void sampling(surefoot_sampling *o, uint64_t *s) {
    static const char *const stop[] = {"a", "he", " t", "o\n", "\xC3"};
    static const char *given[2];
    static surefoot_logit_bias bias[256];
    surefoot_sampling_init(o);
    for (int i = 0; i < 256; i++) /* letters, so that words come up */
        bias[i] = (surefoot_logit_bias){3 + i, -3};
    o->logit_bias = bias;
    o->n_logit_bias = SF_COUNT(bias);
    o->seed = sf_rand(s);
    o->temperature = pick(s, 3) ? 1.2f : 0;
    o->n_predict = 1 + (uint32_t)pick(s, 40);
    o->stop = given;
    o->n_stop = (size_t)pick(s, 3);
    for (size_t i = 0; i < o->n_stop; i++) given[i] = stop[pick(s, 4)];
}

static void generate(struct answer *a, surefoot_session *s, surefoot_guard *g, const int32_t *id,
                     size_t n, const surefoot_sampling *o, size_t lose) {
    surefoot_error e = {0};
    surefoot_prompt p = {.ids = id, .n_ids = n};
    *a = (struct answer){.stats.size = sizeof a->stats, .lose = lose};
    a->status = surefoot_generate(s, g, &p, o, collect, a, &a->stats, &e);
    if (a->status != SUREFOOT_OK) fail_msg("%s", e.text);
}

static void audited(void **state) {
    SF_UNUSED(state);
    static struct answer a, again;
    unsigned finish[9] = {0};
    size_t crossed = 0, charged = 0, reused = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        uint64_t r = seed;
        surefoot_session *s, *fresh;
        surefoot_guard *g, *g2;
        surefoot_sampling o;
        surefoot_policy *p = policy(&r);
        open_session(&s, &g, p);
        int32_t id[CTX];
        size_t n = prompt(id, &r);
        surefoot_transcript t;
        surefoot_verdict v = {0}, seen = {0};
        surefoot_transcript_init(&t);
        for (int turn = 0; turn < 3; turn++) {
            surefoot_error e = {0};
            size_t lose = pick(&r, 4) ? SIZE_MAX : 1 + (size_t)pick(&r, 20);
            sampling(&o, &r);
            generate(&a, s, g, id, n, &o, lose);
            finish[a.stats.finish]++;
            reused += a.stats.n_reused;
            t.prompt_ids = id;
            t.n_prompt_ids = n;
            t.ids = a.id;
            t.n_ids = a.n_id;
            t.text = a.text;
            t.n_text = a.n_text;
            if (p->scope_conversation) {
                t.spent = v.spent;
                t.steps += turn ? v.steps : 0;
            }
            if (surefoot_audit(p, model, &t, NULL, NULL, &v, &e)) fail_msg("%s", e.text);
            if (v.spent != a.stats.spent || !v.safe)
                fail_msg("seed %llu, turn %d: audit %lld, guard %lld of %lld, finish %d, '%.*s'",
                         (unsigned long long)seed, turn, (long long)v.spent,
                         (long long)a.stats.spent, (long long)p->budget, (int)a.stats.finish,
                         (int)a.n_text, a.text);
            assert_true(v.bytes == a.n_text);
            charged += v.spent > 0;
            /* A prompt that is text has no role boundaries: words and phrases reach over them. */
            char before[4096];
            size_t m;
            assert_ok(surefoot_detokenize(model, id, n, before, sizeof before, &m, err));
            assert_ok(surefoot_check(p, model, before, m, a.text, a.n_text, NULL, 0, NULL, NULL,
                                     &seen, err));
            crossed += p->gamma >= 1 && !p->scope_conversation && seen.spent != v.spent;
            /* The same request to a session that has seen nothing. */
            if (!p->scope_conversation) {
                open_session(&fresh, &g2, p);
                generate(&again, fresh, g2, id, n, &o, lose);
                if (again.n_text != a.n_text || memcmp(again.text, a.text, a.n_text) != 0)
                    fail_msg("seed %llu, turn %d: a session that held %u tokens said '%.*s', a "
                             "fresh one '%.*s'",
                             (unsigned long long)seed, turn, a.stats.n_reused, (int)a.n_text,
                             a.text, (int)again.n_text, again.text);
                assert_memory_equal(again.text, a.text, a.n_text);
                assert_true(again.stats.evals == a.stats.evals);
                surefoot_guard_close(g2);
                surefoot_session_close(fresh);
            }
            if (n + a.n_id + 20 > CTX - 60) break;
            memcpy(id + n, a.id, a.n_id * sizeof *id);
            n += a.n_id;
            if (turn == 0) id[n++] = EOS; /* another turn; the third call goes on in mid-text */
        }
        surefoot_guard_close(g);
        surefoot_session_close(s);
        surefoot_policy_close(p);
    }
    print_message("finish:");
    for (int f = 0; f < 9; f++) print_message(" %d:%u", f, finish[f]);
    print_message(
        "; %zu charged, %zu that read otherwise without role boundaries, %zu tokens reused\n",
        charged, crossed, reused);
    for (int f = SUREFOOT_FINISH_EOS; f <= SUREFOOT_FINISH_CUT; f++)
        assert_true(finish[f] > 0 || f == SUREFOOT_FINISH_CONTEXT);
    assert_true(finish[SUREFOOT_FINISH_ABORTED] > 0 && charged > 0 && crossed > 0 && reused > 0);
}

/* What is not an answer of these ids is refused, not judged. */
static void refused(void **state) {
    SF_UNUSED(state);
    uint64_t r = 1;
    surefoot_policy *p = policy(&r);
    surefoot_transcript t;
    surefoot_verdict v;
    int32_t id[] = {BOS, LETTERS, LETTERS + 1};
    char text[64];
    size_t n;
    surefoot_transcript_init(&t);
    assert_ok(surefoot_detokenize(model, id + 1, 2, text, sizeof text, &n, err));
    t.prompt_ids = id;
    t.n_prompt_ids = 1;
    t.ids = id + 1;
    t.n_ids = 2;
    t.text = text;
    t.n_text = n;
    assert_ok(surefoot_audit(p, model, &t, NULL, NULL, &v, err));
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        surefoot_transcript was = t;                                                               \
        surefoot_error e_ = {0};                                                                   \
        change;                                                                                    \
        assert_int_equal(surefoot_audit(p, model, &t, NULL, NULL, &v, &e_), SUREFOOT_E_USAGE);     \
        assert_true(e_.text[0] && !v.safe);                                                        \
        t = was;                                                                                   \
    } while (0)
    REFUSED(t.text = "zzzzzzz"; t.n_text = 7);
    REFUSED(t.n_text = 0);
    REFUSED(t.size = 1);
    REFUSED(t.prompt_ids = NULL);
    REFUSED(t.ids = NULL);
    REFUSED(t.text = NULL);
    REFUSED(t.spent = -1);
    int32_t bad = 1 << 20;
    REFUSED(t.ids = &bad; t.n_ids = 1);
    REFUSED(t.ids = NULL; t.n_ids = 0; t.text = "a\xC3"; t.n_text = 2);
#undef REFUSED
    t.text = NULL;
    t.n_text = 0;
    t.n_free = 0; /* all of the prompt is the answer's already */
    assert_ok(surefoot_audit(p, model, &t, NULL, NULL, &v, err));
    assert_int_equal(v.steps, 3);
    surefoot_policy_close(p);
}

/* The ids of a prompt are those that a generation evaluates. */
static void prompt_ids(void **state) {
    SF_UNUSED(state);
    int32_t id[CTX];
    size_t n, n_free;
    surefoot_message msg = {"user", "he ran"};
    surefoot_prompt chat = {.messages = &msg, .n_messages = 1, .chat_template = "llama2"},
                    raw = {.text = "the sun", .n_text = 7};
    assert_ok(surefoot_prompt_ids(model, &raw, id, CTX, &n, &n_free, err));
    assert_true(n > 1 && id[0] == BOS && n_free == n);
    assert_ok(surefoot_prompt_ids(model, &chat, id, CTX, &n, NULL, err));
    assert_true(n > 1 && id[0] == BOS);
    assert_int_equal(surefoot_prompt_ids(model, &raw, id, 1, &n, NULL, NULL), SUREFOOT_E_USAGE);
    assert_int_equal(surefoot_prompt_ids(model, NULL, id, 1, &n, NULL, NULL), SUREFOOT_E_USAGE);
}

static long asked;
static bool refuse(size_t bytes) {
    SF_UNUSED(bytes);
    asked++;
    return true;
}

/* Once the guard is open, an allocator that always fails changes no result: nothing asks it. */
static void allocates_nothing(void **state) {
    SF_UNUSED(state);
    static struct answer a, b;
    for (uint64_t seed = 0; seed < 30; seed++)
        for (int fails = 0; fails < 2; fails++) {
            uint64_t r = seed;
            surefoot_session *s;
            surefoot_guard *g;
            surefoot_sampling o;
            surefoot_policy *p = policy(&r);
            int32_t id[CTX];
            size_t n = prompt(id, &r);
            sampling(&o, &r);
            open_session(&s, &g, p);
            asked = 0;
            sf_alloc_hook(fails ? refuse : NULL);
            generate(fails ? &b : &a, s, g, id, n, &o, SIZE_MAX);
            sf_alloc_hook(NULL);
            assert_int_equal(asked, 0);
            surefoot_guard_close(g);
            surefoot_session_close(s);
            surefoot_policy_close(p);
            if (!fails) continue;
            assert_int_equal(a.n_text, b.n_text);
            assert_memory_equal(a.text, b.text, a.n_text);
            assert_true(a.stats.evals == b.stats.evals && a.stats.spent == b.stats.spent);
        }
}

int main(int argc, char **argv) {
    char path[512];
    snprintf(path, sizeof path, "%s/llama-mixed.gguf", argc > 1 ? argv[1] : "");
    if (access(path, R_OK) != 0) {
        printf("skipped: %s is not there (python3-numpy makes it)\n", path);
        return SF_SKIP;
    }
    if (!mkdtemp(dir)) return 1;
    snprintf(lexicon, sizeof lexicon, "%s/words", dir);
    FILE *f = fopen(lexicon, "w");
    if (!f) return 1;
    fputs("a\t0.5\no*\t0.25\nhe\nth*\t0.5\ns\t0.25\ne t\t0.5\n\xC3\xA9\t0.25\n", f);
    fclose(f);
    surefoot_model_options mo;
    surefoot_error e = {0};
    surefoot_model_options_init(&mo);
    mo.n_threads = 1;
    if (surefoot_model_open(&model, path, &mo, &e)) fail_msg("%s", e.text);
    const struct CMUnitTest tests[] = {cmocka_unit_test(audited), cmocka_unit_test(refused),
                                       cmocka_unit_test(prompt_ids),
                                       cmocka_unit_test(allocates_nothing)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    surefoot_model_close(model);
    remove(lexicon);
    rmdir(dir);
    return failed;
}
