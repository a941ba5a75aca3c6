/* SPDX-License-Identifier: MIT
 * cli_engine.c - from parsed options to open handles: model, policy, session. Through surefoot.h
 * alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

const char *sf_cli_bytes(char out[32], double bytes) {
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    for (; bytes >= 1024 && u < 4; u++) bytes /= 1024;
    snprintf(out, 32, u == 0 || bytes >= 100 ? "%.0f %s" : "%.2f %s", bytes, unit[u]);
    return out;
}

const char *sf_cli_count(char out[32], double n) {
    if (n >= 1e9)
        snprintf(out, 32, "%.2f B", n * 1e-9);
    else if (n >= 1e6)
        snprintf(out, 32, "%.2f M", n * 1e-6);
    else if (n >= 1e3)
        snprintf(out, 32, "%.2f K", n * 1e-3);
    else
        snprintf(out, 32, "%.0f", n);
    return out;
}

int sf_cli_path(const char *option, const char *path) {
    struct stat st;
    if (!*path) return sf_cli_fail(2, "%s: the file name is empty", option);
    if (stat(path, &st) || access(path, R_OK))
        return sf_cli_fail(1, "could not open '%s': %s; check the path given with %s", path,
                           strerror(errno), option);
    if (S_ISDIR(st.st_mode))
        return sf_cli_fail(1, "'%s' is a directory: give %s a file in it", path, option);
    return 0;
}

/* What is allowed and seldom meant. */
static void note_sizes(const struct sf_cli *c, const surefoot_model_info *i) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (c->threads != SF_CLI_UNSET && cpus > 0 && c->threads > cpus)
        sf_cli_note(c, "-t %lld: this machine has %ld processors, and more threads only wait",
                    (long long)c->threads, cpus);
    if (c->ctx != SF_CLI_UNSET && i->n_ctx_train && c->ctx > i->n_ctx_train)
        sf_cli_note(c,
                    "-c %lld: the model was trained on contexts of %u tokens; what it says "
                    "beyond that is poor",
                    (long long)c->ctx, i->n_ctx_train);
}

int sf_cli_open_model(struct sf_cli *c, surefoot_model **m) {
    surefoot_model_options o;
    surefoot_error err = {0};
    surefoot_file file;
    *m = NULL;
    if (!c->model && !sf_cli_builtin(c))
        return sf_cli_fail(2, "%s needs a model: -m FILE.gguf (none is built in)",
                           c->command->name);
    int code = c->builtin ? 0 : sf_cli_path("-m", c->model);
    if (code) return code;
    surefoot_model_options_init(&o);
    if (c->builtin && sf_builtin_model(&file)) o.file = &file;
    o.isa = c->isa;
    if (c->threads != SF_CLI_UNSET) o.n_threads = (int)c->threads;
    if (c->ctx != SF_CLI_UNSET) o.n_ctx = (uint32_t)c->ctx;
    o.no_memory_check = c->force;
    o.progress = sf_cli_progress;
    o.user = c;
    double began = sf_cli_now();
    surefoot_status s = surefoot_model_open(m, c->model, &o, &err);
    sf_cli_progress_end(c);
    if (s != SUREFOOT_OK)
        return s == SUREFOOT_E_ABORTED ? sf_cli_status(s, &err)
                                       : sf_cli_file_status(s, &err, c->model);
    surefoot_model_info i = {.size = sizeof i};
    surefoot_model_describe(*m, &i);
    char size[32], n[32];
    sf_cli_say(c, "%s: %s %s, %s, %s weights, kernel level %s, loaded in %.2f s", c->model,
               i.family, i.file_type, sf_cli_bytes(size, (double)i.weight_bytes),
               sf_cli_count(n, (double)i.n_params), i.isa, sf_cli_now() - began);
    note_sizes(c, &i);
    return sf_cli_interrupted() ? 130 : 0;
}

int sf_cli_open_policy(const struct sf_cli *c, surefoot_policy **p) {
    surefoot_error err = {0};
    *p = NULL;
    if (!c->guard || !strcmp(c->guard, "off")) {
        if (c->guard_set.n) return sf_cli_fail(2, "--guard-set needs a policy: --guard POLICY");
        return 0;
    }
    surefoot_file file[SF_BUILTIN_FILES];
    size_t n_file = sf_builtin_policy(c->guard, file);
    if (!n_file && sf_cli_path("--guard", c->guard)) return *c->guard ? 1 : 2;
    surefoot_status s = n_file ? surefoot_policy_open_files(p, file, n_file, &err)
                               : surefoot_policy_open(p, c->guard, &err);
    if (s != SUREFOOT_OK) {
        if (s != SUREFOOT_E_POLICY || !err.where || strstr(err.text, "line"))
            return sf_cli_file_status(s, &err, c->guard);
        return sf_cli_fail(surefoot_status_exit(s), "%s: line %llu: %s", c->guard,
                           (unsigned long long)err.where, err.text);
    }
    for (size_t i = 0; i < c->guard_set.n; i++) {
        const char *item = c->guard_set.item[i], *eq = strchr(item, '=');
        char key[64];
        int code = 0;
        if (!eq || eq == item || eq - item >= (long)sizeof key)
            code = sf_cli_fail(2, "--guard-set: '%s' is not KEY=VALUE", item);
        if (!code) {
            snprintf(key, sizeof key, "%.*s", (int)(eq - item), item);
            s = surefoot_policy_set(*p, key, eq + 1, &err);
            if (s != SUREFOOT_OK) code = sf_cli_fail(2, "--guard-set %s: %s", item, err.text);
        }
        if (code) {
            surefoot_policy_close(*p);
            *p = NULL;
            return code;
        }
    }
    return 0;
}

/* A policy file next to the model is named, never used on its own. */
static void name_policy_beside(const struct sf_cli *c) {
    char path[4096];
    const char *dot = strrchr(c->model, '.'), *slash = strrchr(c->model, '/');
    size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - c->model) : strlen(c->model);
    snprintf(path, sizeof path, "%.*s.ini", (int)stem, c->model);
    if (access(path, R_OK) == 0)
        sf_cli_note(c, "a policy lies beside the model; to use it: --guard %s", path);
}

int sf_cli_needs_policy(struct sf_cli *c) {
    surefoot_file file[SF_BUILTIN_FILES];
    bool chosen = c->guard != NULL, built_in;
    if (!chosen && sf_builtin_policy(SF_GENERAL_POLICY, file)) c->guard = SF_GENERAL_POLICY;
    if (!chosen) name_policy_beside(c);
    if (c->guard && strcmp(c->guard, "off") != 0) {
        built_in = sf_builtin_policy(c->guard, file) > 0;
        sf_cli_note(c, "guard: policy %s%s%s", c->guard, built_in ? " (built in)" : "",
                    !chosen && !c->builtin
                        ? ": English, and rough; --guard FILE takes another, --guard off none"
                        : "");
    }
    if (c->guard) return 0;
    return sf_cli_fail(2,
                       "%s needs a policy for this model: --guard POLICY.ini, or --guard off for "
                       "text that nothing checks",
                       c->command->name);
}

int sf_cli_template(const struct sf_cli *c, char **text) {
    size_t n;
    *text = NULL;
    if (!c->chat_template || access(c->chat_template, R_OK)) return 0;
    int code = sf_cli_read(c->chat_template, text, &n);
    if (!code && (strlen(*text) != n || !strchr(*text, '{')))
        code = sf_cli_fail(3, "%s is no chat template", c->chat_template);
    return code;
}

/* The model's name with another ending. */
static void critic_beside(char *out, size_t cap, const char *model) {
    const char *dot = strrchr(model, '.'), *slash = strrchr(model, '/');
    size_t stem = dot && (!slash || dot > slash) ? (size_t)(dot - model) : strlen(model);
    snprintf(out, cap, "%.*s.critic", (int)stem, model);
}

int sf_cli_open_critic(const struct sf_cli *c, surefoot_critic **k, const surefoot_model *m,
                       const surefoot_policy *p) {
    surefoot_error err = {0};
    surefoot_file file;
    char path[4096];
    *k = NULL;
    if (c->critic && !strcmp(c->critic, "off")) return 0;
    if (!p) return c->critic ? sf_cli_fail(2, "--critic needs a policy: --guard POLICY") : 0;
    if (c->critic) {
        if (sf_cli_path("--critic", c->critic)) return *c->critic ? 1 : 2;
        return sf_cli_file_status(surefoot_critic_open(k, c->critic, m, p, &err), &err, c->critic);
    }
    surefoot_status s;
    if (c->builtin && sf_builtin_critic(&file)) {
        s = surefoot_critic_open_file(k, &file, m, p, &err);
        snprintf(path, sizeof path, "the built-in critic");
    } else {
        if (c->builtin) return 0;
        critic_beside(path, sizeof path, c->model);
        if (access(path, R_OK) != 0) return 0;
        s = surefoot_critic_open(k, path, m, p, &err);
    }
    if (s == SUREFOOT_E_MEMORY) return sf_cli_status(s, &err);
    if (s != SUREFOOT_OK) sf_cli_note(c, "%s is left out: %s", path, err.text);
    return 0;
}

static int kv_type(const char *option, const char *name, surefoot_kv_type *out) {
    if (!name || !strcmp(name, "f16")) {
        *out = SUREFOOT_KV_F16;
    } else if (!strcmp(name, "f32")) {
        *out = SUREFOOT_KV_F32;
    } else if (!strcmp(name, "q8_0")) {
        *out = SUREFOOT_KV_Q8_0;
    } else {
        return sf_cli_fail(2, "%s: '%s' is no cache type; f16, f32 or q8_0", option, name);
    }
    return 0;
}

int sf_cli_session_options(const struct sf_cli *c, surefoot_session_options *o) {
    surefoot_session_options_init(o);
    int code = kv_type("-ctk", c->type_k, &o->type_k);
    if (!code) code = kv_type("-ctv", c->type_v, &o->type_v);
    if (c->ctx != SF_CLI_UNSET) o->n_ctx = (uint32_t)c->ctx;
    if (c->batch != SF_CLI_UNSET) o->n_batch = (uint32_t)c->batch;
    if (c->threads != SF_CLI_UNSET) o->n_threads = (int)c->threads;
    return code;
}

int sf_cli_open_session(const struct sf_cli *c, surefoot_session **s, const surefoot_model *m,
                        const surefoot_session_options *o) {
    surefoot_error err = {0};
    size_t bytes = 0;
    char text[32];
    surefoot_status st = surefoot_session_open(s, m, o, &err);
    if (st != SUREFOOT_OK) return sf_cli_status(st, &err);
    if (c->verbose && surefoot_session_bytes(&bytes, m, o, NULL) == SUREFOOT_OK)
        sf_cli_say(c, "context %u tokens, %s for cache and scratch, %d threads",
                   surefoot_session_n_ctx(*s), sf_cli_bytes(text, (double)bytes),
                   o->n_threads ? o->n_threads : surefoot_default_threads());
    sf_cli_abortable(*s);
    return sf_cli_interrupted() ? 130 : 0;
}

void sf_cli_close_session(surefoot_session *s) {
    sf_cli_abortable(NULL);
    surefoot_session_close(s);
}

int sf_cli_tokenize(const surefoot_model *m, const char *text, size_t n, int32_t **ids,
                    size_t *n_ids) {
    surefoot_error err = {0};
    surefoot_status s = SUREFOOT_OK;
    /* n + 2 is enough but for the few characters that normalisation makes longer. */
    for (size_t cap = n + 2;; cap = *n_ids) {
        *ids = malloc(cap * sizeof **ids);
        if (!*ids) return sf_cli_fail(4, "no memory for the ids of %zu bytes", n);
        s = surefoot_tokenize(m, text, n, SUREFOOT_TOKENIZE_BOS, *ids, cap, n_ids, &err);
        if (s != SUREFOOT_E_USAGE || *n_ids <= cap) break;
        free(*ids);
    }
    if (s == SUREFOOT_OK) return 0;
    free(*ids);
    *ids = NULL;
    return sf_cli_status(s, &err);
}
