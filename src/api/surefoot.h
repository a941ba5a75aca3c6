/* SPDX-License-Identifier: MIT
 * surefoot.h - the public interface of libsurefoot: text from a GGUF model on the CPU, every token
 * of it passed by a guard before anyone sees it.
 *
 *     surefoot_model   weights; immutable after open; may be shared between threads
 *     surefoot_policy  what the guard protects with; immutable; may be shared between threads
 *     surefoot_session one timeline (KV cache, position); one thread at a time
 *     surefoot_critic  what the model's states are worth under a policy; immutable; may be shared
 *     surefoot_guard   cost models and search of one session; one thread at a time
 *
 * Conventions. The output comes first, the error last. Every function that can fail returns a
 * surefoot_status and fills *err when err is not NULL. On failure *out is set to NULL and nothing
 * is owned by the caller. Closing NULL is fine. Close a guard before its session, a session before
 * its model. Options structs are filled by their _init function, which also sets .size, so that
 * they can grow. The library prints nothing, never exits, reads no environment variable, keeps no
 * global state. Strings are UTF-8 and NUL-terminated unless a length stands beside them.
 */
#ifndef SUREFOOT_H
#define SUREFOOT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(SUREFOOT_BUILD)
#define SUREFOOT_API __attribute__((visibility("default")))
#else
#define SUREFOOT_API
#endif

#define SUREFOOT_VERSION "0.1.0"

/* ------------------------------------------------------------------------------------ errors */

typedef enum {
    SUREFOOT_OK = 0,            /* done                                                           */
    SUREFOOT_E_FAILED = 1,      /* could not, for a reason none of the others names               */
    SUREFOOT_E_USAGE = 2,       /* wrong use of this interface, or of an option                   */
    SUREFOOT_E_FILE = 3,        /* a file is damaged or not what it should be                     */
    SUREFOOT_E_MEMORY = 4,      /* does not fit in memory                                         */
    SUREFOOT_E_UNSUPPORTED = 5, /* a family, type or feature that is not supported                */
    SUREFOOT_E_IO = 6,          /* the system could not read or write                             */
    SUREFOOT_E_REFUSED = 7,     /* the guard fell back or stopped the answer                      */
    SUREFOOT_E_CONTEXT = 8,     /* prompt and answer do not fit the context                       */
    SUREFOOT_E_NUMERIC = 9,     /* the model produced a value that is not finite                  */
    SUREFOOT_E_LIMIT = 10,      /* more than a compile-time bound of the guard allows             */
    SUREFOOT_E_POLICY = 11,     /* bad policy or lexicon; .where is the line                      */
    SUREFOOT_E_ABORTED = 12     /* stopped on request                                             */
} surefoot_status;

/* Owned by the caller. .text is one line: what is wrong, where, what to do; control characters
 * from untrusted files are replaced. .where: byte offset, line number or token position, else 0. */
typedef struct {
    surefoot_status code;
    uint64_t where;
    char text[256];
} surefoot_error;

/* A fixed English text; never NULL. */
SUREFOOT_API const char *surefoot_status_text(surefoot_status s);
/* The exit status the command line uses for s (0, 1, 2, 3, 4, 5, 7 or 130). */
SUREFOOT_API int surefoot_status_exit(surefoot_status s);
/* SUREFOOT_VERSION of the library that runs. */
SUREFOOT_API const char *surefoot_version(void);
/* The compiler that built the library, e.g. "gcc 12.2.0". */
SUREFOOT_API const char *surefoot_compiler(void);

/* ------------------------------------------------------------------------------------- model */

typedef struct surefoot_model surefoot_model;
typedef struct surefoot_policy surefoot_policy;
typedef struct surefoot_session surefoot_session;
typedef struct surefoot_guard surefoot_guard;
typedef struct surefoot_critic surefoot_critic;

/* Called while something long runs, from the calling thread: done and total in bytes or rows.
 * what is a fixed word ("load", "prefill"). Return nonzero to stop (SUREFOOT_E_ABORTED). */
typedef int (*surefoot_progress_fn)(void *user, const char *what, uint64_t done, uint64_t total);

/* A file that lies in memory, as a program carries it inside itself. Its bytes stay the caller's. */
typedef struct {
    const char *name;
    const void *data;
    size_t n;
} surefoot_file;

typedef struct {
    size_t size;                   /* sizeof(surefoot_model_options)                              */
    const char *isa;               /* highest kernel level to use, NULL: the best this CPU has    */
    int n_threads;                 /* for loading; 0: surefoot_default_threads()                  */
    uint32_t n_ctx;                /* context the memory check assumes; 0: min(the model's, 4096) */
    int no_memory_check;           /* 1: try even if the estimate exceeds what is available       */
    surefoot_progress_fn progress; /* may be NULL                                                 */
    void *user;
    const surefoot_file *file;     /* not NULL: the model's bytes, to stay until the model is closed;
                                      path is not opened then and may be NULL                     */
} surefoot_model_options;

SUREFOOT_API void surefoot_model_options_init(surefoot_model_options *o);
/* Opens a GGUF file (v2, v3; the first of a split one; or a packed one, docs/packed.md), checks every
 * field, compares the memory needed with what is available, packs the weights for the kernel level.
 * The file must not change while it is open.
 * Codes: E_IO, E_FILE, E_MEMORY, E_UNSUPPORTED, E_USAGE (isa), E_ABORTED. */
SUREFOOT_API surefoot_status surefoot_model_open(surefoot_model **out, const char *path,
                                                 const surefoot_model_options *o,
                                                 surefoot_error *err);
SUREFOOT_API void surefoot_model_close(surefoot_model *m);

/* Facts about an open model. Strings live as long as the model. */
typedef struct {
    size_t size;
    const char *family;            /* "llama", "qwen2", ...                                       */
    const char *name;              /* general.name, "" if absent (untrusted text)                 */
    const char *file_type;         /* "Q4_0", "Q4_K - Medium", ...                                */
    const char *isa;               /* kernel level in use                                         */
    uint64_t n_params;             /* number of weights                                           */
    uint64_t weight_bytes;         /* bytes of all tensors in the file                            */
    uint64_t decode_bytes;         /* weight bytes read for one decoded token                     */
    uint32_t n_ctx_train, n_vocab, n_layers, n_embd;
    const char *chat_template;     /* the name recognised ("chatml", ...), "custom": another that
                                      runs; NULL: none, or one that cannot run                    */
    int has_chat_template;         /* 1: the file carries a template, one that runs or not        */
    int32_t bos, eos;              /* token ids, -1: none                                         */
    int add_bos;                   /* 1: BOS goes before a raw prompt                             */
    const char *chat_template_error; /* why the file's template cannot run, with its line; or NULL */
} surefoot_model_info;
SUREFOOT_API void surefoot_model_describe(const surefoot_model *m, surefoot_model_info *info);

/* Kernel levels: "generic" first, then what is compiled in, in rising order; NULL past the end. */
SUREFOOT_API const char *surefoot_isa_name(int i);
/* 1 if this CPU can run level i; 0 if not; -1 past the end. */
SUREFOOT_API int surefoot_isa_usable(int i);
/* Name of the level that NULL would choose here. */
SUREFOOT_API const char *surefoot_isa_best(void);
/* Physical (performance) cores this process may use; at least 1. */
SUREFOOT_API int surefoot_default_threads(void);

/* -------------------------------------------------------------------------------- tokenizer */

/* text -> ids. flags below. *n_out is always set to the number of ids the text needs; when cap is
 * too small: E_USAGE, and ids holds the first cap. A text of n bytes needs at most n + 2 ids, where
 * the model's tokenizer normalises it (Qwen) at most 3 n + 2. */
#define SUREFOOT_TOKENIZE_BOS 1u     /* BOS first, where the model's rule asks for it */
#define SUREFOOT_TOKENIZE_SPECIAL 2u /* spellings of control tokens become those tokens */
SUREFOOT_API surefoot_status surefoot_tokenize(const surefoot_model *m, const char *text, size_t n,
                                               unsigned flags, int32_t *ids, size_t cap,
                                               size_t *n_out, surefoot_error *err);
/* ids -> bytes, valid UTF-8 (invalid bytes become U+FFFD); control tokens are empty. Not
 * NUL-terminated. *n_out as above. */
SUREFOOT_API surefoot_status surefoot_detokenize(const surefoot_model *m, const int32_t *ids,
                                                 size_t n, char *text, size_t cap, size_t *n_out,
                                                 surefoot_error *err);

/* ---------------------------------------------------------------------------------- sessions */

/* Q8_0: 8 bits and a scale for each 32 dimensions of a head, 0.53 of F16's bytes. */
typedef enum { SUREFOOT_KV_F16 = 0, SUREFOOT_KV_F32 = 1, SUREFOOT_KV_Q8_0 = 2 } surefoot_kv_type;

typedef struct {
    size_t size;
    uint32_t n_ctx;                /* tokens of prompt + answer; 0: min(the model's, 4096)        */
    uint32_t n_batch;              /* most rows in one forward pass; default 256                  */
    uint32_t n_seq;                /* plain sequences beside the search (bench); default 1        */
    surefoot_kv_type type_k, type_v; /* default F16; type_k and type_v may differ                 */
    int n_threads;                 /* 0: surefoot_default_threads()                               */
    const surefoot_policy *policy; /* sizes the search for this policy; NULL: no search           */
    surefoot_progress_fn progress; /* "prefill", in tokens, after each pass of a prompt; may be
                                      NULL. Nonzero stops: E_ABORTED                              */
    void *user;
} surefoot_session_options;

SUREFOOT_API void surefoot_session_options_init(surefoot_session_options *o);
/* Bytes surefoot_session_open would take (KV cache, scratch, search). */
SUREFOOT_API surefoot_status surefoot_session_bytes(size_t *out, const surefoot_model *m,
                                                    const surefoot_session_options *o,
                                                    surefoot_error *err);
/* One allocation; nothing is allocated afterwards. The model must outlive the session. */
SUREFOOT_API surefoot_status surefoot_session_open(surefoot_session **out, const surefoot_model *m,
                                                   const surefoot_session_options *o,
                                                   surefoot_error *err);
SUREFOOT_API void surefoot_session_close(surefoot_session *s);
/* Asks a running call on s to stop with E_ABORTED at the next layer. The only function that may be
 * called from another thread or a signal handler. Cleared when the next call starts. */
SUREFOOT_API void surefoot_session_abort(surefoot_session *s);
SUREFOOT_API uint32_t surefoot_session_n_ctx(const surefoot_session *s);

/* Plain evaluation, for tools: feeds ids to the session's timeline (position continues; n_ctx
 * bounds it) and hands each token's logits, n_vocab floats, to fn in order. rows_per_pass 0:
 * n_batch. fn may be NULL. Codes: E_CONTEXT, E_NUMERIC, E_ABORTED. */
typedef int (*surefoot_logits_fn)(void *user, size_t pos, int32_t id, const float *logits,
                                  size_t n_vocab);
SUREFOOT_API surefoot_status surefoot_eval(surefoot_session *s, const int32_t *ids, size_t n,
                                           size_t rows_per_pass, surefoot_logits_fn fn, void *user,
                                           surefoot_error *err);
/* Forgets everything after the first n tokens (0: all). */
SUREFOOT_API void surefoot_session_rewind(surefoot_session *s, size_t n);

/* One timed piece of work on a fresh timeline, for benchmarks; sampling is not timed.
 * n_prompt > 0: one prompt of that many tokens is read. n_gen > 0: n_gen steps of n_seq sequences.
 * depth: tokens of context first, untimed. *seconds: wall time. */
SUREFOOT_API surefoot_status surefoot_workload(surefoot_session *s, uint32_t n_prompt,
                                               uint32_t n_gen, uint32_t n_seq, uint32_t depth,
                                               double *seconds, surefoot_error *err);

/* -------------------------------------------------------------------------------- generation */

typedef struct {
    int32_t token;
    float bias; /* added to the logit; -INFINITY forbids the token */
} surefoot_logit_bias;

typedef struct {
    size_t size;
    uint64_t seed;                 /* default 0; the same seed gives the same text                */
    float temperature;             /* 0: the largest logit; default 0.8                           */
    int32_t top_k;                 /* 0: off; default 40                                          */
    float top_p, min_p;            /* 1 and 0: off; defaults 0.95 and 0.05                        */
    float repeat_penalty;          /* 1: off (default)                                            */
    float presence_penalty, frequency_penalty; /* 0: off (default)                                */
    int32_t repeat_last_n;         /* tokens the penalties look back; default 64; -1: all         */
    const char *order;             /* default: "penalties;dry;top_k;top_p;min_p;xtc;temperature"  */
    const surefoot_logit_bias *logit_bias;
    size_t n_logit_bias;
    const char *const *stop;       /* stop strings; the text is cut before the first that occurs  */
    size_t n_stop;                 /* at most 16, each at most 128 bytes                          */
    uint32_t n_predict;            /* most new tokens; default 256                                */
    uint32_t n_logprobs;           /* alternatives reported per token, at most 20; under a guard
                                      only if its policy allows it                                */
    int logprobs;                  /* 1: token log-probabilities are computed                     */
    /* DRY: a token that would lengthen a repetition of n >= dry_allowed_length tokens loses
     * dry_multiplier * dry_base^(n - dry_allowed_length) of its logit. */
    float dry_multiplier, dry_base;        /* multiplier 0: off (default); base 1.75              */
    int32_t dry_allowed_length;            /* default 2, at most 4096                             */
    int32_t dry_penalty_last_n;            /* tokens it looks back; default -1: all; 0: off       */
    const char *const *dry_breakers;       /* texts that no repetition reaches across; default
                                              newline : " *                                       */
    size_t n_dry_breakers;                 /* at most 16, each 1 to 64 bytes                      */
    /* XTC: with xtc_probability, of the tokens as likely as xtc_threshold only the least likely
     * stays. Nothing at temperature 0. */
    float xtc_probability, xtc_threshold;  /* 0: off (default); 0.1                               */
    /* Dynamic temperature: temperature -+ dynatemp_range, by entropy / largest entropy to the power
     * of dynatemp_exponent. Nothing at temperature 0. */
    float dynatemp_range, dynatemp_exponent; /* 0: off (default); 1                               */
} surefoot_sampling;
SUREFOOT_API void surefoot_sampling_init(surefoot_sampling *o);

typedef struct {
    const char *role;    /* "system", "user", "assistant", or what else the chat template knows */
    const char *content; /* text; spellings of control tokens in it stay text */
} surefoot_message;

/* Exactly one of ids, messages (or variables that hold "messages") and text is used, in this order
 * of preference. */
typedef struct {
    const int32_t *ids;            /* ready token ids, BOS included if wanted                     */
    size_t n_ids;
    const surefoot_message *messages;
    size_t n_messages;
    const char *chat_template;     /* a name, or a template's text; NULL: the model's own         */
    const char *text;              /* raw text; BOS by the model's rule                           */
    size_t n_text;
    const char *variables;         /* more for the chat template, a JSON object: tools, documents,
                                      enable_thinking ...; without messages its "messages" are the
                                      conversation, with whatever fields they have. NULL: none    */
    size_t n_variables;            /* bytes; what is in there is content too: it stays text       */
} surefoot_prompt;

typedef struct {
    int32_t id;
    float logprob;                 /* of the token under the model, NAN when not asked for        */
    int n_top;                     /* alternatives                                                */
    struct { int32_t id; float logprob; } top[20];
} surefoot_token;

/* Receives delivered text: whole UTF-8 characters, never withdrawn. n may be 0 when only tokens
 * arrive. Return nonzero to stop (a lost client); the session keeps what was delivered. */
typedef int (*surefoot_emit_fn)(void *user, const char *text, size_t n, const surefoot_token *tokens,
                                size_t n_tokens);

typedef enum {
    SUREFOOT_FINISH_NONE = 0,
    SUREFOOT_FINISH_EOS,      /* the model ended the text                                        */
    SUREFOOT_FINISH_STOP,     /* a stop string                                                   */
    SUREFOOT_FINISH_LENGTH,   /* n_predict reached                                               */
    SUREFOOT_FINISH_CONTEXT,  /* the context is full                                             */
    SUREFOOT_FINISH_FALLBACK, /* the guard put its fallback text in place                        */
    SUREFOOT_FINISH_CUT,      /* the guard ended the answer at the last safe byte                */
    SUREFOOT_FINISH_DEADLINE, /* the guard's deadline, at the last safe byte                     */
    SUREFOOT_FINISH_ABORTED   /* stopped on request, at the last safe byte                       */
} surefoot_finish;

/* What one surefoot_generate did. Counts are exact and the same on every machine. */
typedef struct {
    size_t size;
    surefoot_finish finish;
    uint32_t n_prompt;             /* tokens of the prompt                                        */
    uint32_t n_reused;             /* of those, found in the KV cache                             */
    uint32_t n_delivered;          /* new tokens whose text was delivered                         */
    double prompt_seconds, generate_seconds, first_token_seconds;
    /* under a guard */
    uint64_t evals;                /* base model rows after the prompt                            */
    uint64_t evals_bound;          /* the ledger's bound for this answer                          */
    uint32_t branches, drops, retries, revoked, cuts, fallbacks, drafts;
    double longest_gap_seconds;    /* between two deliveries, after the first                     */
    uint32_t deadline_misses;
    int64_t spent, budget;         /* millionths: sum of gamma^k c_k of delivered text, and d0    */
    /* with a critic */
    uint32_t doubts;               /* branches because f1 <= tau, not because z < 0               */
    uint32_t doubted;              /* candidates with z >= 0 that f1 <= tau failed                */
    uint32_t kept_doubted;         /* decisions that kept the best of those: nothing else was left */
} surefoot_stats;

/* Generates from prompt and calls emit for every piece of delivered text. guard NULL: unguarded,
 * and only then. The longest common prefix with what the session holds is reused.
 * OK: done, see stats->finish (a fallback is OK). E_CONTEXT: the prompt alone does not fit.
 * E_NUMERIC, E_ABORTED and others: what was delivered stays valid. stats may be NULL. */
SUREFOOT_API surefoot_status surefoot_generate(surefoot_session *s, surefoot_guard *guard,
                                               const surefoot_prompt *prompt,
                                               const surefoot_sampling *sampling,
                                               surefoot_emit_fn emit, void *user,
                                               surefoot_stats *stats, surefoot_error *err);

/* The token ids that surefoot_generate would evaluate for this prompt, control tokens included.
 * *n_out and cap as for surefoot_tokenize (when cap is too small: E_USAGE). *n_free (may be NULL):
 * how many of them are prompt, the rest being already the answer's. */
SUREFOOT_API surefoot_status surefoot_prompt_ids(const surefoot_model *m,
                                                 const surefoot_prompt *prompt, int32_t *ids,
                                                 size_t cap, size_t *n_out, size_t *n_free,
                                                 surefoot_error *err);

/* ------------------------------------------------------------------------------------- guard */

typedef enum { SUREFOOT_GUARD_LAZY = 0, SUREFOOT_GUARD_FULL = 1 } surefoot_guard_mode;

/* Reads a policy file (INI) and the files it names, relative to it. E_POLICY: .where is the line. */
SUREFOOT_API surefoot_status surefoot_policy_open(surefoot_policy **out, const char *path,
                                                  surefoot_error *err);
/* The same from n files in memory: the first is the policy, the others may be named by it. Nothing
 * is read from disk, and nothing of them is needed afterwards. */
SUREFOOT_API surefoot_status surefoot_policy_open_files(surefoot_policy **out,
                                                        const surefoot_file *file, size_t n,
                                                        surefoot_error *err);
SUREFOOT_API void surefoot_policy_close(surefoot_policy *p);

typedef struct {
    size_t size;
    const char *path;              /* as given                                                    */
    surefoot_guard_mode mode;
    double budget, gamma;          /* d0, gamma                                                   */
    int candidates, keep, block, retries, w_calm; /* N, K, d, M, w_calm                           */
    int deadline_ms;
    int allow_logprobs;
    const char *fallback;
    const char *cost, *reward;     /* kinds, e.g. "lexicon", "sum(words, names)"                  */
    int scope_conversation;        /* 1: z goes on from answer to answer; 0: it starts anew       */
} surefoot_policy_info;
SUREFOOT_API void surefoot_policy_describe(const surefoot_policy *p, surefoot_policy_info *info);
/* Overrides one key of [guard] as if the file had it ("candidates", "4"); bounds are checked. */
SUREFOOT_API surefoot_status surefoot_policy_set(surefoot_policy *p, const char *key,
                                                 const char *value, surefoot_error *err);

/* The compile-time bounds (guard/budget.h). */
typedef struct {
    size_t size;
    int max_candidates, max_block, max_retries, max_hold, max_evals_per_token;
    size_t search_bytes;           /* the search object, a compile-time size                      */
} surefoot_guard_budget;
SUREFOOT_API void surefoot_guard_budget_describe(surefoot_guard_budget *b);

/* The session must have been opened with the same policy (or one at least as large). */
SUREFOOT_API surefoot_status surefoot_guard_open(surefoot_guard **out, surefoot_session *s,
                                                 const surefoot_policy *p, surefoot_error *err);
SUREFOOT_API void surefoot_guard_close(surefoot_guard *g);
/* Under scope = conversation: the next answer follows answers that spent so much (millionths) in so
 * many steps, as surefoot_audit finds them; 0, 0: a new conversation. A saved conversation is resumed
 * with what an audit of its answers says, never with what its file says. Otherwise no effect. */
SUREFOOT_API void surefoot_guard_resume(surefoot_guard *g, int64_t spent, uint64_t steps);

/* A critic orders candidates and starts searches early; what may be shown never depends on it. It was
 * trained (`surefoot guard train`) for one model with its quantisation, one policy's cost and reward
 * with the files they name, one budget and one gamma, as they are now (surefoot_policy_set included).
 * E_FILE: damaged, or no critic; E_POLICY: one for something else, the text says for what. */
SUREFOOT_API surefoot_status surefoot_critic_open(surefoot_critic **out, const char *path,
                                                  const surefoot_model *m, const surefoot_policy *p,
                                                  surefoot_error *err);
/* The same from memory; nothing of the file is needed afterwards. */
SUREFOOT_API surefoot_status surefoot_critic_open_file(surefoot_critic **out,
                                                       const surefoot_file *file,
                                                       const surefoot_model *m,
                                                       const surefoot_policy *p,
                                                       surefoot_error *err);
SUREFOOT_API void surefoot_critic_close(surefoot_critic *c);
/* From the next answer on g asks this critic (NULL: none). It must outlive g, or its replacement. */
SUREFOOT_API void surefoot_guard_use_critic(surefoot_guard *g, const surefoot_critic *c);

/* The verdict on a finished text, without a model: charges in order, per prefix. prompt is read
 * first and is free. model may be NULL for cost models that read only text; ids replace text.
 * The prompt is text here and has no role markers: a phrase that reaches from a chat prompt into the
 * answer is charged, though the guard, which sees the marker between them, does not charge it. For
 * the guard's own numbers use surefoot_audit. */
typedef struct {
    uint64_t token;                /* index of the piece that was read when it was charged        */
    uint64_t begin, end;           /* bytes of the span, counted from the first answer byte; a
                                      span that starts in the prompt begins at 0                  */
    int64_t amount, spent;         /* millionths: c, and sum of gamma^k c_k so far                */
} surefoot_charge;
typedef struct {
    int safe;                      /* spent <= d0 at every prefix, the end included               */
    int64_t spent, budget;         /* millionths                                                  */
    double z;                      /* gamma^-t (d0 - spent), for display only                     */
    uint64_t settled, bytes;       /* S at the end, and the length of the answer, in bytes        */
    uint64_t steps;                /* pieces of the answer: the t of gamma^t                      */
} surefoot_verdict;
/* called for every piece: its text, spent after it, S after it, and its charges (may be none) */
typedef void (*surefoot_check_fn)(void *user, const char *piece, size_t n, int64_t spent,
                                  uint64_t settled, const surefoot_charge *charges,
                                  size_t n_charges);
SUREFOOT_API surefoot_status surefoot_check(const surefoot_policy *p, const surefoot_model *model,
                                            const char *prompt, size_t n_prompt, const char *text,
                                            size_t n_text, const int32_t *ids, size_t n_ids,
                                            surefoot_check_fn fn, void *user,
                                            surefoot_verdict *verdict, surefoot_error *err);

/* An answer as it was delivered, with the tokens of its prompt: what an audit needs to come to the
 * guard's own numbers. _init fills the defaults. */
typedef struct {
    size_t size;
    const int32_t *prompt_ids;     /* the evaluated prompt (surefoot_prompt_ids); control tokens in
                                      it are its role boundaries                                  */
    size_t n_prompt_ids;
    size_t n_free;                 /* tokens of it that are free; the rest was put into the answer's
                                      turn and is charged; default SIZE_MAX: all are free         */
    const int32_t *ids;            /* the delivered tokens                                        */
    size_t n_ids;
    const char *text;              /* the delivered text, NULL: that of ids. What it has behind the
                                      text of ids is read after them: the part of a token before a
                                      stop string, a fallback text without ids. It must begin with
                                      the text of ids (E_USAGE)                                   */
    size_t n_text;
    int64_t spent;                 /* scope = conversation: what the answers before spent (their
                                      verdict's or stats' spent, millionths), and in how many     */
    uint64_t steps;                /* pieces (their verdicts' steps); defaults 0                  */
} surefoot_transcript;
SUREFOOT_API void surefoot_transcript_init(surefoot_transcript *t);
/* The verdict on t: .spent equals surefoot_stats.spent of the run that delivered it. Independent of
 * the guard: it shares the cost model and the safety state's arithmetic with it, nothing else.
 * E_USAGE: a NULL argument, an id outside the vocabulary, or text that is not that of ids. */
SUREFOOT_API surefoot_status surefoot_audit(const surefoot_policy *p, const surefoot_model *model,
                                            const surefoot_transcript *t, surefoot_check_fn fn,
                                            void *user, surefoot_verdict *verdict,
                                            surefoot_error *err);

#ifdef __cplusplus
}
#endif

#endif
