/* SPDX-License-Identifier: MIT
 * cli_sampling.c - sampling options from the command line, with the arrays they point into.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* "15+1.5", "15-2", "15=-inf", "15=0.5" */
static int bias(const char *item, surefoot_logit_bias *out) {
    size_t digits = strspn(item, "0123456789");
    char id[24];
    int64_t token;
    double v;
    const char *number = item + digits + (item[digits] == '=');
    snprintf(id, sizeof id, "%.*s", (int)(digits < 20 ? digits : 20), item);
    if (!digits || !item[digits] || !strchr("+-=", item[digits]) || !sf_cli_int(id, &token) ||
        token > INT32_MAX || !sf_cli_real(number, &v))
        return sf_cli_fail(2, "--logit-bias: '%.60s' is not ID+F, ID-F or ID=F", item);
    if (!(v < 1e30)) return sf_cli_fail(2, "--logit-bias: %.60s is too large", item);
    out->token = (int32_t)token;
    out->bias = v < -1e30 ? -INFINITY : (float)v;
    return 0;
}

/* Text of a sequence breaker with \n, \t, \r and a backslash before any other character read as in C;
 * false: empty, or no room. */
static bool unescape(const char *s, char *out, size_t cap) {
    size_t n = 0;
    for (; *s; s++) {
        char ch = *s;
        if (ch == '\\' && s[1]) {
            ch = *++s;
            ch = ch == 'n' ? '\n' : ch == 't' ? '\t' : ch == 'r' ? '\r' : ch;
        }
        if (n + 1 >= cap) return false;
        out[n++] = ch;
    }
    out[n] = 0;
    return n > 0;
}

/* --dry-*, --xtc-*, --dynatemp-* */
static int repetition(const struct sf_cli *c, struct sf_cli_chain *chain) {
    surefoot_sampling *o = &chain->opt;
    if (!isnan(c->dry_multiplier)) o->dry_multiplier = (float)c->dry_multiplier;
    if (!isnan(c->dry_base)) o->dry_base = (float)c->dry_base;
    if (c->dry_allowed_length != SF_CLI_UNSET)
        o->dry_allowed_length = (int32_t)c->dry_allowed_length;
    if (c->dry_last_n != SF_CLI_UNSET) o->dry_penalty_last_n = (int32_t)c->dry_last_n;
    if (!isnan(c->xtc_probability)) o->xtc_probability = (float)c->xtc_probability;
    if (!isnan(c->xtc_threshold)) o->xtc_threshold = (float)c->xtc_threshold;
    if (!isnan(c->dynatemp_range)) o->dynatemp_range = (float)c->dynatemp_range;
    if (!isnan(c->dynatemp_exp)) o->dynatemp_exponent = (float)c->dynatemp_exp;
    if (c->dry_breakers.n == 0) return 0;
    o->dry_breakers = chain->breaker; /* the first one given takes the place of the defaults */
    o->n_dry_breakers = 0;
    for (size_t i = 0; i < c->dry_breakers.n; i++) {
        const char *item = c->dry_breakers.item[i];
        size_t k = o->n_dry_breakers;
        if (strcmp(item, "none") == 0) continue;
        if (k == sizeof chain->breaker / sizeof chain->breaker[0])
            return sf_cli_fail(2, "--dry-sequence-breaker: at most %zu of them", k);
        if (!unescape(item, chain->breaker_text[k], sizeof chain->breaker_text[k]))
            return sf_cli_fail(2, "--dry-sequence-breaker: a text of 1 to 64 bytes is needed");
        chain->breaker[k] = chain->breaker_text[k];
        o->n_dry_breakers = k + 1;
    }
    return 0;
}

int sf_cli_sampling(const struct sf_cli *c, struct sf_cli_chain *chain) {
    surefoot_sampling *o = &chain->opt;
    surefoot_sampling_init(o);
    o->seed = c->seed;
    if (!isnan(c->temp)) o->temperature = (float)c->temp;
    if (!isnan(c->top_p)) o->top_p = (float)c->top_p;
    if (!isnan(c->min_p)) o->min_p = (float)c->min_p;
    if (!isnan(c->repeat_penalty)) o->repeat_penalty = (float)c->repeat_penalty;
    if (!isnan(c->presence_penalty)) o->presence_penalty = (float)c->presence_penalty;
    if (!isnan(c->frequency_penalty)) o->frequency_penalty = (float)c->frequency_penalty;
    if (c->top_k != SF_CLI_UNSET) o->top_k = (int32_t)c->top_k;
    if (c->repeat_last_n != SF_CLI_UNSET) o->repeat_last_n = (int32_t)c->repeat_last_n;
    if (c->predict != SF_CLI_UNSET)
        o->n_predict = c->predict < 0 ? UINT32_MAX : (uint32_t)c->predict;
    int code = repetition(c, chain);
    if (code) return code;
    if (c->samplers) o->order = c->samplers;
    if (c->logprobs != SF_CLI_UNSET) {
        o->logprobs = 1;
        o->n_logprobs = (uint32_t)c->logprobs;
    }
    for (size_t i = 0; i < c->logit_bias.n; i++) {
        code = bias(c->logit_bias.item[i], &chain->bias[i]);
        if (code) return code;
    }
    o->logit_bias = chain->bias;
    o->n_logit_bias = c->logit_bias.n;
    for (size_t i = 0; i < c->stop.n; i++)
        if (!*c->stop.item[i] || strlen(c->stop.item[i]) > 128)
            return sf_cli_fail(2, "--stop: a text of 1 to 128 bytes is needed");
    if (c->stop.n > 16) return sf_cli_fail(2, "--stop: at most 16 of them");
    o->stop = c->stop.item;
    o->n_stop = c->stop.n;
    return 0;
}
