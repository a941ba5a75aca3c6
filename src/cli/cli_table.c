/* SPDX-License-Identifier: MIT
 * cli_table.c - the tables behind the command: commands, and every option with the commands that
 * know it. Parser, help and suggestions all read these.
 */
#include <stddef.h>

#include "cli.h"

const struct sf_command sf_commands[SF_CMD_COUNT] = {
#define SF_COMMAND(id, name, group, fn, summary, examples) {name, group, fn, summary, examples},
#include "commands.def"
#undef SF_COMMAND
};

const char *const sf_cli_levels[] = {"generic", "avx2",    "avxvnni", "avx512vnni",
                                     "neon",    "dotprod", "i8mm"};
const size_t sf_cli_n_levels = sizeof sf_cli_levels / sizeof sf_cli_levels[0];

#define BIT(id) (UINT64_C(1) << SF_CMD_##id)
#define ALL     (~UINT64_C(0))
#define TALK    (BIT(run) | BIT(chat))
#define MODEL                                                                                      \
    (TALK | BIT(perplexity) | BIT(inspect) | BIT(tokenize) | BIT(logits) | BIT(render) |           \
     BIT(bench) | BIT(guard_check) | BIT(guard_budget) | BIT(guard_eval) | BIT(guard_train))
#define ENGINE                                                                                     \
    (TALK | BIT(perplexity) | BIT(logits) | BIT(bench) | BIT(guard_budget) | BIT(guard_eval) |     \
     BIT(guard_train))
#define KV   (ENGINE | BIT(inspect))
#define TEXT (BIT(run) | BIT(perplexity) | BIT(tokenize) | BIT(logits) | BIT(guard_check))
#define GUARD                                                                                      \
    (TALK | BIT(bench) | BIT(guard_check) | BIT(guard_budget) | BIT(guard_eval) | BIT(guard_train))
#define FILES (BIT(pack) | BIT(unpack) | BIT(quantize)) /* IN OUT: a file is made */
#define JSON                                                                                       \
    (TALK | BIT(perplexity) | BIT(inspect) | BIT(tokenize) | BIT(logits) | BIT(bench) |            \
     BIT(doctor) | BIT(quantize) | BIT(guard_check) | BIT(guard_budget) | BIT(guard_train))
#define AT(field) offsetof(struct sf_cli, field)
#define I32       2147483647.0

/* clang-format off */
const struct sf_option sf_options[] = {
    /* ---- what goes in */
    {"-m, --model", "FILE", SF_OPT_STR, AT(model), 0, 0, MODEL, "the GGUF file"},
    {"-p, --prompt", "TEXT", SF_OPT_STR, AT(prompt), 0, 0, TEXT, "the text"},
    {"-f, --file", "FILE", SF_OPT_STR, AT(file), 0, 0, TEXT | BIT(render),
     "the text from a file, byte for byte (- is stdin; stdin is also read when neither -p nor -f is given)"},
    {"--after", "TEXT", SF_OPT_STR, AT(after), 0, 0, BIT(guard_check),
     "the prompt that the text answers: read first, free of charge"},
    {"-sys, --system-prompt, --system", "TEXT", SF_OPT_STR, AT(system), 0, 0, TALK, "a system message before the prompt"},
    {"--chat-template", "NAME|FILE", SF_OPT_STR, AT(chat_template), 0, 0, TALK | BIT(render),
     "a template by name (chatml, llama2, llama3, qwen3, ...) or from a file, instead of the model's own"},
    {"--raw", NULL, SF_OPT_FLAG, AT(raw), 0, 0, BIT(run), "no chat template: the text is continued as it is"},
    {"--no-history", NULL, SF_OPT_FLAG, AT(no_history), 0, 0, BIT(chat), "read and keep no history file of typed lines"},
    {"--echo", NULL, SF_OPT_FLAG, AT(echo), 0, 0, BIT(run), "print the prompt first"},
    {"--ids", NULL, SF_OPT_FLAG, AT(bare_ids), 0, 0, BIT(tokenize), "a bare JSON array of ids"},
    {"--ids", "[LIST]", SF_OPT_IDS, AT(ids), 0, 0, BIT(guard_check),
     "the text is token ids: a list, or an object with prompt_ids and ids as run --json prints it (needs -m)"},
    {"--jsonl", NULL, SF_OPT_FLAG, AT(jsonl), 0, 0, BIT(tokenize) | BIT(guard_check),
     "stdin holds one JSON object a line, and so does the output"},
    {"--decode", NULL, SF_OPT_FLAG, AT(decode), 0, 0, BIT(tokenize), "ids to text"},
    {"--no-bos", NULL, SF_OPT_FLAG, AT(no_bos), 0, 0, BIT(tokenize), "no BOS, whatever the model's rule"},
    {"--special", NULL, SF_OPT_FLAG, AT(special), 0, 0, BIT(tokenize),
     "spellings of special tokens in the text become those tokens (--decode: they are spelled out)"},
    /* ---- sampling */
    {"-n, --predict, --n-predict", "N", SF_OPT_INT, AT(predict), -1, I32, TALK | BIT(guard_eval) | BIT(guard_train),
     "most new tokens (default 256; -1: until the context is full)"},
    {"--temp, --temperature", "F", SF_OPT_REAL, AT(temp), 0, 1e6, TALK | BIT(guard_eval) | BIT(guard_train), "temperature; 0 takes the likeliest token (default 0.8)"},
    {"--top-k", "N", SF_OPT_INT, AT(top_k), 0, I32, TALK | BIT(guard_eval) | BIT(guard_train), "keep the N likeliest; 0: off (default 40)"},
    {"--top-p", "F", SF_OPT_REAL, AT(top_p), 0, 1, TALK | BIT(guard_eval) | BIT(guard_train), "keep the likeliest up to this mass; 1: off (default 0.95)"},
    {"--min-p", "F", SF_OPT_REAL, AT(min_p), 0, 1, TALK | BIT(guard_eval) | BIT(guard_train), "drop what is less likely than F times the best; 0: off (default 0.05)"},
    {"--repeat-penalty", "F", SF_OPT_REAL, AT(repeat_penalty), 0, 1e6, TALK, "divide the logits of recent tokens; 1: off (default)"},
    {"--presence-penalty", "F", SF_OPT_REAL, AT(presence_penalty), -1e6, 1e6, TALK, "subtract once for a recent token (default 0)"},
    {"--frequency-penalty", "F", SF_OPT_REAL, AT(frequency_penalty), -1e6, 1e6, TALK, "subtract for each time it came (default 0)"},
    {"--repeat-last-n", "N", SF_OPT_INT, AT(repeat_last_n), -1, I32, TALK, "tokens the penalties look back (default 64; -1: all)"},
    {"--samplers", "ORDER", SF_OPT_STR, AT(samplers), 0, 0, TALK,
     "the chain (default \"penalties;dry;top_k;top_p;min_p;xtc;temperature\")"},
    {"--dry-multiplier", "F", SF_OPT_REAL, AT(dry_multiplier), 0, 1e6, TALK, "DRY: how much a token loses that lengthens a repetition; 0: off (default)"},
    {"--dry-base", "F", SF_OPT_REAL, AT(dry_base), 1, 1000, TALK, "times this for each token more (default 1.75)"},
    {"--dry-allowed-length", "N", SF_OPT_INT, AT(dry_allowed_length), 0, 4096, TALK, "shorter repetitions are free (default 2)"},
    {"--dry-penalty-last-n", "N", SF_OPT_INT, AT(dry_last_n), -1, I32, TALK, "tokens DRY looks back (default -1: all; 0: off)"},
    {"--dry-sequence-breaker", "TEXT", SF_OPT_LIST, AT(dry_breakers), 0, 0, TALK,
     "no repetition reaches across it; may be repeated, replaces the default (newline : \" *); none: no breakers"},
    {"--xtc-probability", "F", SF_OPT_REAL, AT(xtc_probability), 0, 1, TALK, "how often XTC drops the likeliest tokens; 0: off (default)"},
    {"--xtc-threshold", "F", SF_OPT_REAL, AT(xtc_threshold), 0, 1, TALK, "of those at least this likely the least likely stays (default 0.1; above 0.5: off)"},
    {"--dynatemp-range", "F", SF_OPT_REAL, AT(dynatemp_range), 0, 100, TALK, "the temperature moves by this with the entropy; 0: off (default)"},
    {"--dynatemp-exp", "F", SF_OPT_REAL, AT(dynatemp_exp), 0, 100, TALK, "power of the entropy for that (default 1)"},
    {"-l, --logit-bias", "ID+F", SF_OPT_LIST, AT(logit_bias), 0, 0, TALK,
     "add to a token's logit: 15+1.5, 15-2, 15=-inf; may be repeated"},
    {"--stop, -r, --reverse-prompt", "TEXT", SF_OPT_LIST, AT(stop), 0, 0, TALK, "end before this text; may be repeated"},
    {"--logprobs", "N", SF_OPT_INT, AT(logprobs), 0, 20, TALK,
     "with --json: log-probabilities of the tokens and N alternatives"},
    /* ---- the guard */
    {"--guard", "POLICY", SF_OPT_STR, AT(guard), 0, 0, GUARD, "a policy file, or off: nothing checks the text"},
    {"--guard-set", "KEY=VALUE", SF_OPT_LIST, AT(guard_set), 0, 0, GUARD,
     "one key of the policy's [guard] section, e.g. candidates=4; may be repeated"},
    {"--strict", NULL, SF_OPT_FLAG, AT(strict), 0, 0, BIT(run), "exit 7 if the guard fell back or cut the answer"},
    {"--coverage", NULL, SF_OPT_FLAG, AT(coverage), 0, 0, BIT(guard_check), "list what the policy cannot read"},
    {"--deadline-ms", "MS", SF_OPT_INT, AT(deadline_ms), 1, I32, BIT(guard_budget), "which N and d deliver at least this often (needs -m)"},
    /* ---- guard eval */
    {"--prompts", "FILE", SF_OPT_STR, AT(prompts), 0, 0, BIT(guard_eval) | BIT(guard_train), "one JSON object a line: prompt, id, kind, topic, ..."},
    {"--out", "FILE", SF_OPT_STR, AT(out), 0, 0, BIT(guard_eval), "one JSON object per method and prompt; what is there already is not asked again"},
    {"--out", "FILE", SF_OPT_STR, AT(out), 0, 0, BIT(guard_train), "where the result goes"},
    {"--methods", "LIST", SF_OPT_STR, AT(methods), 0, 0, BIT(guard_eval), "methods by name (default: all but paper)"},
    {"-N, --candidates", "LIST", SF_OPT_STR, AT(cand_list), 0, 0, BIT(guard_eval), "candidates (default: the policy's)"},
    {"-d, --block", "LIST", SF_OPT_STR, AT(block_list), 0, 0, BIT(guard_eval), "tokens of a block (default: the policy's)"},
    {"--budget", "LIST", SF_OPT_STR, AT(budget_list), 0, 0, BIT(guard_eval), "d0 (default: the policy's)"},
    {"--lambda", "F", SF_OPT_REAL, AT(lambda), 0, 1e9, BIT(guard_eval), "price of cost for the Lagrangian methods (default 5)"},
    {"--critic", "FILE|off", SF_OPT_STR, AT(critic), 0, 0, TALK | BIT(bench),
     "the critic to use (default: the one that comes with the model, if it was trained for this policy)"},
    {"--critic", "FILE|off|noise", SF_OPT_STR, AT(critic), 0, 0, BIT(guard_eval), "a trained critic, none, or random numbers in its place (default off)"},
    {"--table", NULL, SF_OPT_FLAG, AT(table), 0, 0, BIT(guard_eval), "print the table of what --out holds"},
    {"--svg", "PREFIX", SF_OPT_STR, AT(svg), 0, 0, BIT(guard_eval), "draw it: PREFIX-time.svg, PREFIX-reward.svg, PREFIX-z.svg"},
    /* ---- guard train */
    {"--rollouts", "N", SF_OPT_INT, AT(rollouts), 1, 20, BIT(guard_train), "a critic: continuations of each prompt (default 5)"},
    {"--units", "N", SF_OPT_INT, AT(units), 0, 256, BIT(guard_train), "its hidden units (default 32)"},
    {"--curve", NULL, SF_OPT_FLAG, AT(curve), 0, 0, BIT(guard_train), "its learning curve: parts of the data, other sizes"},
    {"--keep-rollouts", NULL, SF_OPT_FLAG, AT(keep_rollouts), 0, 0, BIT(guard_train), "leave OUT.rollouts behind: the next training begins with it"},
    {"--svg", "FILE", SF_OPT_STR, AT(svg), 0, 0, BIT(guard_train), "draw how well it foresees"},
    {"--kind", "KIND", SF_OPT_STR, AT(kind), 0, 0, BIT(guard_train), "what is trained: critic (default), or ngram, a classifier of text"},
    {"--csv", "FILE", SF_OPT_LIST, AT(csv), 0, 0, BIT(guard_train), "labelled text, a row each: CSV with a header, or JSON lines; may be repeated"},
    {"--text", "COLUMN", SF_OPT_STR, AT(text_col), 0, 0, BIT(guard_train), "the column of the text (default text)"},
    {"--label", "COLUMN", SF_OPT_STR, AT(label_col), 0, 0, BIT(guard_train), "the column of the label (default label)"},
    {"--positive", "VALUE", SF_OPT_LIST, AT(positive), 0, 0, BIT(guard_train),
     "a label that means harmful (default: 1, true, yes, unsafe, harmful, toxic); may be repeated"},
    {"--group", "COLUMN", SF_OPT_STR, AT(group), 0, 0, BIT(guard_train), "rows that agree here are tested together, e.g. the prompt (default: equal texts)"},
    {"--by", "COLUMN", SF_OPT_STR, AT(by), 0, 0, BIT(guard_train), "what is caught and touched, by the values of this column"},
    {"--touch", "PERCENT", SF_OPT_REAL, AT(touch), 0, 50, BIT(guard_train), "harmless texts that p0 may touch (default 0.5)"},
    {"--about", "TEXT", SF_OPT_STR, AT(about), 0, 0, BIT(guard_train), "kept in the file: what the texts were"},
    {"--epochs", "N", SF_OPT_INT, AT(epochs), 1, 1000, BIT(guard_train), "passes over the texts (default 12)"},
    {"--bits", "N", SF_OPT_INT, AT(bits), 8, 20, BIT(guard_train), "2^N weights (default 16)"},
    {"--window", "N", SF_OPT_INT, AT(window), 1, 64, BIT(guard_train), "words looked at together (default 32)"},
    {"--kl", "BASE", SF_OPT_STR, AT(kl), 0, 0, BIT(perplexity), "compare with a saved run, on the same text"},
    {"--kl-base", "OUT", SF_OPT_STR, AT(kl_base), 0, 0, BIT(perplexity), "save this run, for others to be compared with"},
    /* ---- logits, bench */
    {"-k, --top", "N", SF_OPT_INT, AT(top), 0, 1000, BIT(logits), "the N largest logits of each position (default 10)"},
    {"--full", NULL, SF_OPT_FLAG, AT(full), 0, 0, BIT(logits), "all logits, in 9 significant digits"},
    {"-p, --n-prompt", "LIST", SF_OPT_STR, AT(prompt_list), 0, 0, BIT(bench), "prompt lengths (default 512; 0: none)"},
    {"-n, --n-gen", "LIST", SF_OPT_STR, AT(gen_list), 0, 0, BIT(bench), "tokens to generate (default 128; 0: none)"},
    {"-t, --threads", "LIST", SF_OPT_STR, AT(thread_list), 0, 0, BIT(bench), "thread counts: 1,2 or 1-4 or 2-8+2"},
    {"-d, --n-depth", "LIST", SF_OPT_STR, AT(depth_list), 0, 0, BIT(bench), "tokens of context before (default 0)"},
    {"-npl, --n-parallel", "LIST", SF_OPT_STR, AT(seq_list), 0, 0, BIT(bench), "sequences generated together (default 1)"},
    {"-r, --repetitions", "N", SF_OPT_INT, AT(reps), 1, 1000, BIT(bench), "repetitions (default 5)"},
    {"-o, --output", "FORMAT", SF_OPT_STR, AT(format), 0, 0, BIT(bench), "md, csv, json or jsonl (default md)"},
    {"--level", "N", SF_OPT_INT, AT(level), 1, 19, BIT(pack), "how hard zstd tries (default 3; more gains little)"},
    {"--no-bandwidth", NULL, SF_OPT_FLAG, AT(no_bandwidth), 0, 0, BIT(bench), "leave out the measurement of the memory's read speed"},
    /* ---- the engine */
    {"-t, --threads", "N", SF_OPT_INT, AT(threads), 1, I32, (ENGINE & ~BIT(bench)) | FILES, "threads (default: the physical performance cores)"},
    {"-c, --ctx-size", "N", SF_OPT_INT, AT(ctx), 0, 4294967295.0, KV, "context in tokens (default: the model's, at most 4096)"},
    {"-b, --batch-size", "N", SF_OPT_INT, AT(batch), 1, 65536, TALK | BIT(logits) | BIT(bench) | BIT(perplexity), "rows in one pass"},
    {"-ctk, --cache-type-k", "TYPE", SF_OPT_STR, AT(type_k), 0, 0, KV, "f16, f32 or q8_0 keys (default f16)"},
    {"-ctv, --cache-type-v", "TYPE", SF_OPT_STR, AT(type_v), 0, 0, KV, "f16, f32 or q8_0 values (default f16)"},
    {"--type", "TYPE", SF_OPT_STR, AT(to_type), 0, 0, BIT(convert), "f16, bf16, f32 or q8_0 (default f16); norms stay F32"},
    {"--force", NULL, SF_OPT_FLAG, AT(force), 0, 0, FILES | BIT(convert), "write over a file that is there"},
    {"--force", NULL, SF_OPT_FLAG, AT(force), 0, 0, ENGINE, "try even if the estimate does not fit in memory"},
    {"-s, --seed", "S", SF_OPT_SEED, AT(seed), 0, 0, TALK | BIT(bench) | BIT(guard_eval) | BIT(guard_train), "the same seed gives the same text (default 0; -1: drawn)"},
    /* ---- for every command */
    {"--json", NULL, SF_OPT_FLAG, AT(json), 0, 0, JSON, "one JSON object per result"},
    {"-q, --quiet", NULL, SF_OPT_FLAG, AT(quiet), 0, 0, ALL, "no notes and no statistics"},
    {"-v, --verbose", NULL, SF_OPT_FLAG, AT(verbose), 0, 0, ALL, "more about what is done"},
    {"-h, --help", NULL, SF_OPT_FLAG, AT(help), 0, 0, ALL, "this help"},
    {"--version", NULL, SF_OPT_FLAG, AT(version), 0, 0, ALL, "version, compiler, kernel levels, guard budget"},
    /* ---- common options where they mean nothing, habits from other runtimes: no effect */
    {"-m, --model", "FILE", SF_OPT_IGNORE1, 0, 0, 0, ~MODEL, NULL},
    {"-t, --threads", "N", SF_OPT_IGNORE1, 0, 0, 0, ~(ENGINE | FILES), NULL},
    {"-c, --ctx-size", "N", SF_OPT_IGNORE1, 0, 0, 0, ~KV, NULL},
    {"-s, --seed", "S", SF_OPT_IGNORE1, 0, 0, 0, ~(TALK | BIT(bench) | BIT(guard_eval) | BIT(guard_train)), NULL},
    {"--guard", "POLICY", SF_OPT_IGNORE1, 0, 0, 0, ~GUARD, NULL},
    {"-ngl, --gpu-layers, --n-gpu-layers", "N", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-mg, --main-gpu", "N", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-sm, --split-mode", "M", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-ts, --tensor-split", "T", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-dev, --device", "D", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-ub, --ubatch-size", "N", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-tb, --threads-batch", "N", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-lm, --load-mode", "MODE", SF_OPT_IGNORE1, 0, 0, 0, ALL, NULL},
    {"-fa, --flash-attn", "on|off", SF_OPT_IGNORE_MAYBE, 0, 0, 0, ALL, NULL},
    {"-nkvo, --no-kv-offload", NULL, SF_OPT_IGNORE0, 0, 0, 0, ALL, NULL},
    {"--mlock", NULL, SF_OPT_IGNORE0, 0, 0, 0, ALL, NULL},
    {"--no-mmap", NULL, SF_OPT_IGNORE0, 0, 0, 0, ALL, NULL},
    {"--mmap", NULL, SF_OPT_IGNORE0, 0, 0, 0, ALL, NULL},
    {"--no-warmup", NULL, SF_OPT_IGNORE0, 0, 0, 0, ALL, NULL},
    {"-no-cnv, -nocnv, --no-conversation", NULL, SF_OPT_IGNORE0, 0, 0, 0, TALK, NULL},
    {"-st, --single-turn", NULL, SF_OPT_IGNORE0, 0, 0, 0, BIT(run), NULL},
    {"--no-display-prompt", NULL, SF_OPT_IGNORE0, 0, 0, 0, BIT(run), NULL},
};
/* clang-format on */
const size_t sf_n_options = sizeof sf_options / sizeof sf_options[0];
