/* SPDX-License-Identifier: MIT
 * cli.h - what the files of the command share: the table of commands, the parsed options, output
 * that notices a full disk or a reader that went away, messages, and Ctrl-C.
 *
 * stdout carries generated text and machine output, stderr everything else. A command returns its
 * exit status; 0 done, 1 could not, 2 usage, 3 bad file, 4 memory, 5 unsupported, 7 refused,
 * 130 interrupted (surefoot_status_exit maps the library's codes to these).
 */
#ifndef SF_CLI_H
#define SF_CLI_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "surefoot.h"

#define SF_CLI_PRINTF(a, b) __attribute__((format(printf, a, b)))
#define SF_CLI_UNSET INT64_MIN /* an integer option that was not given; real ones: NAN */

/* ---------------------------------------------------------------------------------- commands */

struct sf_cli;
typedef int (*sf_command_fn)(struct sf_cli *c);

enum sf_command_id {
#define SF_COMMAND(id, name, group, fn, summary, examples) SF_CMD_##id,
#include "commands.def"
#undef SF_COMMAND
    SF_CMD_COUNT
};
struct sf_command {
    const char *name;     /* "run", "guard check"                                 */
    const char *group;    /* heading it is listed under                           */
    sf_command_fn run;    /* NULL: the name is reserved                           */
    const char *summary;  /* one line                                             */
    const char *examples; /* lines, shown first by COMMAND --help                 */
};
extern const struct sf_command sf_commands[SF_CMD_COUNT];

#define SF_COMMAND(id, name, group, fn, summary, examples) int sf_cmd_##id(struct sf_cli *c);
#include "commands.def"
#undef SF_COMMAND

/* ----------------------------------------------------------------------------------- options */

#define SF_CLI_LIST 64
struct sf_cli_list { /* an option that may be repeated */
    const char *item[SF_CLI_LIST];
    size_t n;
};

#define SF_CLI_OPERANDS 3
/* Every option of every command; the table in cli_table.c says which command knows which. */
struct sf_cli {
    enum sf_command_id id;
    const struct sf_command *command;
    const char *isa;     /* SUREFOOT_ISA, checked; NULL: the best this CPU has */
    const char *operand[SF_CLI_OPERANDS]; /* words that are no options, where a command takes them */
    size_t n_operand;
    bool stdout_tty, stderr_tty, colour;
    /* common */
    const char *model, *guard;
    bool builtin; /* model names the one inside the command */
    int64_t threads, ctx;
    uint64_t seed;
    int json, quiet, verbose, force, help, version;
    /* text in */
    const char *prompt, *file, *after, *system, *chat_template, *ids;
    int raw, echo, no_bos, special, decode, bare_ids, jsonl, no_history;
    /* sampling */
    const char *samplers;
    struct sf_cli_list stop, logit_bias, guard_set, dry_breakers;
    int64_t predict, top_k, repeat_last_n, logprobs, dry_allowed_length, dry_last_n;
    double temp, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
    double dry_multiplier, dry_base, xtc_probability, xtc_threshold, dynatemp_range, dynatemp_exp;
    int strict;
    /* engine */
    const char *type_k, *type_v, *kl, *kl_base;
    int64_t batch;
    /* logits, bench, guard */
    int64_t top, reps, deadline_ms;
    int64_t level; /* of compression */
    const char *to_type; /* of convert */
    int full, coverage, no_bandwidth;
    const char *prompt_list, *gen_list, *thread_list, *depth_list, *seq_list, *format;
    /* guard eval */
    const char *prompts, *out, *methods, *cand_list, *block_list, *budget_list, *critic, *svg;
    double lambda;
    int table;
    int64_t rollouts, units;
    int curve, keep_rollouts;
    /* guard train, from labelled text */
    const char *kind, *text_col, *label_col, *group, *by, *about;
    struct sf_cli_list csv, positive;
    int64_t epochs, bits, window;
    double touch;
};

enum sf_option_kind {
    SF_OPT_FLAG,   /* int, set to 1                                              */
    SF_OPT_STR,    /* const char *                                               */
    SF_OPT_INT,    /* int64_t in [min, max]                                      */
    SF_OPT_REAL,   /* double in [min, max]                                       */
    SF_OPT_SEED,   /* uint64_t; -1: drawn from the clock                         */
    SF_OPT_LIST,   /* struct sf_cli_list                                         */
    SF_OPT_IDS,    /* const char *: "" or, where one follows, a list of ids      */
    SF_OPT_IGNORE0, /* accepted for habit's sake, without a value                */
    SF_OPT_IGNORE1, /* ... with one                                              */
    SF_OPT_IGNORE_MAYBE /* ... with one where on, off, auto, 0 or 1 follows      */
};
struct sf_option {
    const char *names;  /* "-n, --predict, --n-predict": the first two are shown in help */
    const char *arg;    /* "N"; NULL for flags                                   */
    enum sf_option_kind kind;
    size_t offset;      /* in struct sf_cli                                      */
    double min, max;
    uint64_t commands;  /* bit 1 << SF_CMD_x                                     */
    const char *help;   /* one line; NULL: not shown                             */
};
extern const struct sf_option sf_options[];
extern const size_t sf_n_options;

/* Fills c from argv (argv[0] is the first word after the command). 0, or 2 after one line. */
int sf_cli_parse(struct sf_cli *c, int argc, char **argv);
/* Whether a word looks like a model's file name. */
bool sf_cli_model_name(const char *word);
/* Nearest of n names to word, NULL if none is near. */
const char *sf_cli_nearest(const char *word, const char *const *names, size_t n);
/* Strict numbers: the whole string, no blanks, decimal. */
bool sf_cli_int(const char *s, int64_t *out);
bool sf_cli_real(const char *s, double *out); /* "-inf" and "inf" too; never NaN */
/* "1,2,4-8+2" -> numbers in [min, max]; *n at most cap. 0, or 2 after one line naming option. */
int sf_cli_ranges(const char *option, const char *s, int64_t min, int64_t max, int64_t *out,
                  size_t cap, size_t *n);

void sf_cli_help_all(void);
void sf_cli_help_group(const char *prefix); /* "guard": its commands */
void sf_cli_help(enum sf_command_id id);

/* ---------------------------------------------------------------------------------- built in */

#define SF_BUILTIN_MODEL "household (built in)" /* what the built-in model is called in messages */
#define SF_BUILTIN_POLICY "household"           /* --guard household */
#define SF_GENERAL_POLICY "general"             /* the default with any other model */
#define SF_BUILTIN_FILES 4
bool sf_builtin_model(surefoot_file *file); /* false: none is built in */
bool sf_builtin_critic(surefoot_file *file); /* of the built-in model and policy */
/* Files of a built-in policy, the policy first; how many, 0: there is none of that name. */
size_t sf_builtin_policy(const char *name, surefoot_file file[SF_BUILTIN_FILES]);
/* Where no -m was given and a model is built in: takes it, and its policy where no --guard was given. */
bool sf_cli_builtin(struct sf_cli *c);

/* ---------------------------------------------------------------------------------- messages */

/* All: one line on stderr, "surefoot: ...", control and bidirectional characters replaced. */
int sf_cli_fail(int code, const char *fmt, ...) SF_CLI_PRINTF(2, 3); /* returns code */
int sf_cli_status(surefoot_status s, const surefoot_error *err);     /* returns the exit status */
/* The same, with path in front where the text does not name it. */
int sf_cli_file_status(surefoot_status s, const surefoot_error *err, const char *path);
void sf_cli_note(const struct sf_cli *c, const char *fmt, ...) SF_CLI_PRINTF(2, 3); /* not with -q */
void sf_cli_say(const struct sf_cli *c, const char *fmt, ...) SF_CLI_PRINTF(2, 3); /* with -v */
/* A plain line on stderr, dim on a terminal; not with -q. */
void sf_cli_stats(const struct sf_cli *c, const char *line);
/* A plain line on stderr that was asked for: also with -q. */
void sf_cli_tell(const struct sf_cli *c, const char *fmt, ...) SF_CLI_PRINTF(2, 3);

/* Length of the valid UTF-8 character at p (n bytes left) and its code point; 0: none. */
size_t sf_cli_char(const unsigned char *p, size_t n, uint32_t *cp);
/* Control characters (but newline and tab), bidirectional marks and overrides. */
bool sf_cli_steers(uint32_t c);
/* n bytes made safe for a terminal: carriage returns and other odd spaces become spaces, other control
 * characters (but newline and tab), bidirectional marks and overrides are dropped, invalid bytes
 * become U+FFFD. What is dropped is what a lexicon does not see (fold.h), so that what it reads is
 * what is shown. out: room for 3 n bytes; returns bytes. */
size_t sf_cli_clean(const char *in, size_t n, char *out);

/* A bar on stderr, on a terminal and only once the work has taken 2 s. Fits surefoot_progress_fn
 * (user: struct sf_cli); returns nonzero after Ctrl-C. */
int sf_cli_progress(void *user, const char *what, uint64_t done, uint64_t total);
void sf_cli_progress_end(const struct sf_cli *c);

double sf_cli_now(void); /* seconds, steady */

/* ------------------------------------------------------------------------------------ output */

/* stdout, buffered; a failure is kept and later writes do nothing. true: fine so far. */
bool sf_out(const void *p, size_t n);
bool sf_out_str(const char *s);
bool sf_outf(const char *fmt, ...) SF_CLI_PRINTF(1, 2);
/* Generated text: cleaned when stdout is a terminal, verbatim otherwise, and sent at once. */
bool sf_out_text(const struct sf_cli *c, const char *p, size_t n);
/* p as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD, what could steer a
 * terminal is written as \\u.... */
bool sf_out_json_str(const char *p, size_t n);
/* A finite number in `digits` significant digits; others are null (JSON has no NaN). */
bool sf_out_json_real(double v, int digits);
bool sf_out_flush(void);
bool sf_out_failed(void);
/* Flushes; if anything failed: one line (none for a closed pipe) and 1, else code. */
int sf_out_finish(int code);

/* ------------------------------------------------------------------------------------- input */

/* A whole file ("-": stdin) into malloc'ed memory, NUL behind. 0, or an exit status after a line. */
int sf_cli_read(const char *path, char **out, size_t *n);
/* Text of a command by -p, -f or stdin, in malloc'ed memory. */
int sf_cli_text(const struct sf_cli *c, char **out, size_t *n);
/* Token ids written as a JSON array or numbers between blanks or commas. */
int sf_cli_ids(const char *text, size_t n, int32_t **ids, size_t *n_ids);

/* -------------------------------------------------------------------------------- interrupts */

void sf_cli_signals(void);
/* The session that Ctrl-C stops; NULL: none. */
void sf_cli_abortable(surefoot_session *s);
bool sf_cli_interrupted(void);
/* A dialogue goes on after Ctrl-C: what was interrupted is over. */
void sf_cli_uninterrupt(void);

/* --------------------------------------------------------------------- pieces commands share */

/* 0 where path can be opened as a file; else 1 (2: empty) after one line that names the option. */
int sf_cli_path(const char *option, const char *path);
/* Each: 0 and the object, or an exit status after one line. */
int sf_cli_open_model(struct sf_cli *c, surefoot_model **m); /* -m, -t, -c, --force, SUREFOOT_ISA */
/* --guard FILE with --guard-set applied; *p is NULL for "off" and when --guard was not given. */
int sf_cli_open_policy(const struct sf_cli *c, surefoot_policy **p);
/* Without --guard: takes the built-in policy `general` (a policy that lies beside the model is named,
 * never used on its own). Names the policy in a note. 0, or 2 after one line: there is none. */
int sf_cli_needs_policy(struct sf_cli *c);
/* --chat-template where it names a file: its text, in malloc'ed memory; NULL: a name, or none. */
int sf_cli_template(const struct sf_cli *c, char **text);
/* o from _init, then -c, -b, -t, -ctk, -ctv. */
int sf_cli_session_options(const struct sf_cli *c, surefoot_session_options *o);
/* The critic of --critic FILE, or one that comes with the model: built in, or beside it under the same
 * name with the ending .critic. *k is NULL for "off", without a policy, and where none is there; one
 * beside the model that does not fit is named in a note, one of --critic that does not is an error. */
int sf_cli_open_critic(const struct sf_cli *c, surefoot_critic **k, const surefoot_model *m,
                       const surefoot_policy *p);
int sf_cli_open_session(const struct sf_cli *c, surefoot_session **s, const surefoot_model *m,
                        const surefoot_session_options *o); /* and Ctrl-C stops it */
void sf_cli_close_session(surefoot_session *s);
/* Ids of a raw text, BOS by the model's rule, in malloc'ed memory. */
int sf_cli_tokenize(const surefoot_model *m, const char *text, size_t n, int32_t **ids,
                    size_t *n_ids);
struct sf_cli_chain { /* sampling options and what they point into */
    surefoot_sampling opt;
    surefoot_logit_bias bias[SF_CLI_LIST];
    char breaker_text[16][65]; /* with escapes read */
    const char *breaker[16];
};
int sf_cli_sampling(const struct sf_cli *c, struct sf_cli_chain *chain); /* 0 or 2 */
/* "1.5 GiB", "344 MiB", "12 KiB" */
const char *sf_cli_bytes(char out[32], double bytes);
const char *sf_cli_count(char out[32], double n); /* "1.24 B", "260.03 K" */
/* Best of a few: bytes per second read from memory by n threads, several streams each. 0: not
 * measured (no memory, or interrupted). */
double sf_cli_bandwidth(int n_threads);
/* Kernel levels by name, whatever was compiled in. */
extern const char *const sf_cli_levels[];
extern const size_t sf_cli_n_levels;

#endif
