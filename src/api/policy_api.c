/* SPDX-License-Identifier: MIT
 * policy_api.c - the policy handle: a file read and opened, described, overridden key by key.
 */
#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "file.h"
#include "guard.h"

enum { MAX_POLICY_BYTES = 1 << 20 };

static char *copy_bytes(const char *s, size_t n) {
    char *p = sf_alloc(n + 1);
    if (p) memcpy(p, s, n);
    return p;
}

surefoot_status surefoot_policy_open(surefoot_policy **out, const char *path, surefoot_error *err) {
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_policy_open: out is NULL");
    *out = NULL;
    if (!path) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_policy_open: path is NULL");
    char *text = NULL;
    size_t n = 0;
    SF_TRY(sf_read_file(&text, &n, path, MAX_POLICY_BYTES, err));
    const char *slash = strrchr(path, '/');
    char *dir =
        slash ? copy_bytes(path, (size_t)(slash - path) + (slash == path)) : copy_bytes(".", 1);
    char *own = copy_bytes(path, strlen(path));
    surefoot_status s = SUREFOOT_OK;
    if (!dir || !own) s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the policy's path");
    if (s == SUREFOOT_OK) s = sf_policy_parse(out, text, n, dir, err);
    sf_free(text);
    sf_free(dir);
    if (s != SUREFOOT_OK) {
        sf_free(own);
        return s;
    }
    (*out)->path = own;
    return SUREFOOT_OK;
}

surefoot_status surefoot_policy_open_files(surefoot_policy **out, const surefoot_file *file,
                                           size_t n, surefoot_error *err) {
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_policy_open_files: out is NULL");
    *out = NULL;
    if (!file || n == 0 || !file[0].name || (!file[0].data && file[0].n > 0) ||
        file[0].n > MAX_POLICY_BYTES)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "surefoot_policy_open_files: the first file is the policy, at most %d bytes",
                       MAX_POLICY_BYTES);
    char *own = copy_bytes(file[0].name, strlen(file[0].name));
    if (!own) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the policy's name");
    surefoot_status s =
        sf_policy_parse_files(out, file[0].data ? file[0].data : "", file[0].n, file, n, err);
    if (s != SUREFOOT_OK) {
        sf_free(own);
        return s;
    }
    (*out)->path = own;
    return SUREFOOT_OK;
}

void surefoot_policy_close(surefoot_policy *p) {
    sf_policy_free(p);
}

void surefoot_policy_describe(const surefoot_policy *p, surefoot_policy_info *info) {
    size_t size = info->size;
    *info = (surefoot_policy_info){.size = size,
                                   .path = p->path,
                                   .mode = p->mode,
                                   .budget = (double)p->budget / SF_COST_UNIT,
                                   .gamma = p->gamma,
                                   .candidates = p->candidates,
                                   .keep = p->keep,
                                   .block = p->block,
                                   .retries = p->retries,
                                   .w_calm = p->w_calm,
                                   .deadline_ms = p->deadline_ms,
                                   .allow_logprobs = p->allow_logprobs,
                                   .fallback = p->fallback,
                                   .cost = p->cost_text,
                                   .reward = p->reward_text,
                                   .scope_conversation = p->scope_conversation};
}

surefoot_status surefoot_policy_set(surefoot_policy *p, const char *key, const char *value,
                                    surefoot_error *err) {
    if (!p || !key || !value)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_policy_set: an argument is NULL");
    surefoot_policy before = *p; /* plain values; the pointers in it stay as they are */
    surefoot_status s = sf_policy_set_key(p, key, value, 0, err);
    if (s == SUREFOOT_OK) s = sf_policy_check(p, 0, 0, err);
    if (s != SUREFOOT_OK) *p = before;
    return s;
}

void surefoot_guard_budget_describe(surefoot_guard_budget *b) {
    size_t size = b->size;
    *b = (surefoot_guard_budget){.size = size,
                                 .max_candidates = SF_GUARD_MAX_CANDIDATES,
                                 .max_block = SF_GUARD_MAX_BLOCK,
                                 .max_retries = SF_GUARD_MAX_RETRIES,
                                 .max_hold = SF_GUARD_MAX_HOLD,
                                 .max_evals_per_token = SF_GUARD_MAX_EVALS_PER_TOKEN,
                                 .search_bytes = sf_guard_search_bytes()};
}
