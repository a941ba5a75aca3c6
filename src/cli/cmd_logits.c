/* SPDX-License-Identifier: MIT
 * cmd_logits.c - the model's logits at every position of a raw text, one JSON object a line: the
 * way to compare with other runtimes. Nothing that depends on the run (time, threads, kernel
 * level) is printed, and log-probabilities are taken by the reference kernels.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "sampler.h"

struct job {
    const struct sf_cli *cli;
    struct sf_kernels kernels;
    void *scratch;
    int32_t *best; /* k ids, largest logit first */
    size_t k;
};

/* The k largest by (logit descending, id ascending), by insertion: k is small. */
static size_t largest(const float *logits, size_t n, int32_t *ids, size_t k) {
    size_t have = 0;
    for (size_t i = 0; i < n; i++) {
        if (have == k && (!k || !(logits[i] > logits[ids[k - 1]]))) continue;
        size_t at = have < k ? have++ : k - 1;
        for (; at && logits[i] > logits[ids[at - 1]]; at--) ids[at] = ids[at - 1];
        ids[at] = (int32_t)i;
    }
    return have;
}

static int put_position(void *user, size_t pos, int32_t id, const float *logits, size_t n_vocab) {
    struct job *j = user;
    size_t n = largest(logits, n_vocab, j->best, j->k < n_vocab ? j->k : n_vocab);
    sf_outf("{\"pos\":%zu,\"id\":%d,\"top\":[", pos, (int)id);
    for (size_t i = 0; i < n; i++) {
        int32_t token = j->best[i];
        sf_outf("%s[%d,", i ? "," : "", (int)token);
        sf_out_json_real((double)logits[token], 9);
        sf_out_str(",");
        sf_out_json_real(
            (double)sf_logprob(&j->kernels, j->scratch, logits, (uint32_t)n_vocab, token), 9);
        sf_out_str("]");
    }
    sf_out_str("]");
    if (j->cli->full) {
        sf_out_str(",\"logits\":[");
        for (size_t i = 0; i < n_vocab; i++) {
            if (i) sf_out_str(",");
            sf_out_json_real((double)logits[i], 9);
        }
        sf_out_str("]");
    }
    return !sf_out_str("}\n") || sf_cli_interrupted();
}

static int evaluate(struct sf_cli *c, const surefoot_model *m, const int32_t *ids, size_t n) {
    surefoot_model_info info = {.size = sizeof info};
    surefoot_model_describe(m, &info);
    surefoot_session_options o;
    surefoot_session *s = NULL;
    surefoot_error err = {0};
    struct job j = {.cli = c, .k = c->top == SF_CLI_UNSET ? 10 : (size_t)c->top};
    int code = sf_cli_session_options(c, &o);
    if (code) return code;
    if (c->ctx == SF_CLI_UNSET && n > 4096 && n <= info.n_ctx_train) o.n_ctx = (uint32_t)n;
    j.best = malloc((j.k + 1) * sizeof *j.best);
    j.scratch = malloc(sf_sampler_scratch(info.n_vocab) + 1);
    if (!j.best || !j.scratch) {
        code = sf_cli_fail(4, "no memory for the logits of %u tokens", info.n_vocab);
        goto done;
    }
    code = sf_cli_status(sf_kernels_init(&j.kernels, 0, "generic", &err), &err);
    if (!code) code = sf_cli_open_session(c, &s, m, &o);
    if (!code) {
        surefoot_status st = surefoot_eval(s, ids, n, o.n_batch, put_position, &j, &err);
        code = sf_cli_status(st, &err);
    }
done:
    sf_cli_close_session(s);
    free(j.best);
    free(j.scratch);
    return code;
}

int sf_cmd_logits(struct sf_cli *c) {
    surefoot_model *m = NULL;
    char *text = NULL;
    int32_t *ids = NULL;
    size_t n = 0, n_ids = 0;
    int code = sf_cli_open_model(c, &m);
    if (!code) code = sf_cli_text(c, &text, &n);
    if (!code) code = sf_cli_tokenize(m, text, n, &ids, &n_ids);
    if (!code && !n_ids)
        code = sf_cli_fail(
            2, "the text is empty and this model puts no BOS before it: give some text");
    if (!code) code = evaluate(c, m, ids, n_ids);
    free(ids);
    free(text);
    surefoot_model_close(m);
    return code;
}
