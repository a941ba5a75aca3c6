/* SPDX-License-Identifier: MIT
 * cli_chat_file.c - a conversation as a JSON file. Nothing in a file is trusted: the messages are
 * read by the model anew, and what answers have spent is counted by an audit.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli_chat.h"

#define FILE_MAX     ((size_t)64 << 20) /* bytes of a file that is loaded */
#define MESSAGES_MAX 10000

/* ---------------------------------------------------------------------------------------- save */

static json_t *one(const char *role, const char *content) {
    /* Generated text is valid UTF-8; what was typed may not be. */
    json_t *text = json_string(content);
    if (!text) {
        size_t n = strlen(content), used = 0;
        char *clean = malloc(3 * n + 1);
        for (size_t i = 0, len; clean && i < n; i += len ? len : 1) {
            uint32_t c;
            len = sf_cli_char((const unsigned char *)content + i, n - i, &c);
            memcpy(clean + used, len ? content + i : "\xEF\xBF\xBD", len ? len : 3);
            used += len ? len : 3;
        }
        text = clean ? json_stringn(clean, used) : NULL;
        free(clean);
    }
    return json_pack("{s:s, s:o}", "role", role, "content", text);
}

static char *as_text(const struct sf_talk *t, size_t *n) {
    json_t *list = json_array(), *all = NULL;
    char *text = NULL;
    bool good = list != NULL;
    if (good && t->system) good = !json_array_append_new(list, one("system", t->system));
    for (size_t i = 0; good && i < t->n_said; i++)
        good = !json_array_append_new(list, one(t->said[i].role, t->said[i].content));
    if (good) all = json_pack("{s:s, s:O}", "format", "surefoot conversation 1", "messages", list);
    if (all) text = json_dumps(all, JSON_INDENT(1));
    json_decref(all);
    json_decref(list);
    if (text) *n = strlen(text);
    return text;
}

static bool write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return false;
        p += put;
        n -= (size_t)put;
    }
    return true;
}

/* Whole or not at all, for the user alone: written beside its place, then moved there. */
static int write_file(const char *path, const char *text, size_t n, bool force) {
    char beside[4096];
    struct stat st;
    bool there = !lstat(path, &st);
    int len = snprintf(beside, sizeof beside, "%s.tmp-%ld", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof beside)
        return sf_cli_fail(2, "/save: the file name is too long");
    if (there && !force)
        return sf_cli_fail(1, "%s exists; to replace it: /save --force %s", path, path);
    if (there && !S_ISREG(st.st_mode))
        return sf_cli_fail(1, "%s is no regular file: it is not replaced", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    if (good) {
        good = write_all(fd, text, n) && write_all(fd, "\n", 1) && !fsync(fd);
        int why = errno;
        good = !close(fd) && good;
        /* A link cannot replace what came there meanwhile; a rename can, and is asked to. */
        if (good && !force && link(beside, path)) {
            good = errno != EEXIST && access(path, F_OK) && !rename(beside, path);
        } else if (good && force) {
            good = !rename(beside, path);
        }
        if (!good && why) errno = why;
    }
    int why = errno;
    if (fd >= 0) unlink(beside);
    return good ? 0 : sf_cli_fail(1, "%s: could not write it: %s", path, strerror(why));
}

int sf_talk_save(struct sf_talk *t, const char *path, bool force) {
    size_t n = 0;
    char *text = as_text(t, &n);
    if (!text) return sf_cli_fail(4, "no memory to write the conversation");
    int code = write_file(path, text, n, force);
    free(text);
    if (!code)
        sf_cli_note(t->cli, "%zu messages saved in %s", t->n_said + (t->system != NULL), path);
    return code;
}

/* ---------------------------------------------------------------------------------------- load */

static json_t *parse(const char *path, int *code) {
    struct stat st;
    char *text = NULL;
    size_t n = 0;
    json_error_t e;
    if ((*code = sf_cli_path("/load", path))) return NULL;
    if (!stat(path, &st) && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > FILE_MAX)) {
        *code = sf_cli_fail(3, "%s: no saved conversation: a file of at most %zu MiB is expected",
                            path, FILE_MAX >> 20);
        return NULL;
    }
    if ((*code = sf_cli_read(path, &text, &n))) return NULL;
    json_t *all = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    free(text);
    if (!all)
        *code =
            sf_cli_fail(3, "%s: line %d, column %d: %s; a JSON file as /save writes it is needed",
                        path, e.line, e.column, e.text);
    return all;
}

/* NULL, or what is wrong with message i. */
static const char *judge(const json_t *m, size_t i) {
    const char *role = json_string_value(json_object_get(m, "role"));
    if (!json_is_object(m)) return "is no object";
    if (!role) return "has no \"role\" that is a string";
    if (!json_is_string(json_object_get(m, "content")))
        return "has no \"content\" that is a string";
    if (!strcmp(role, "system"))
        return i ? "is a system message, which is the first or none" : NULL;
    if (strcmp(role, "user") && strcmp(role, "assistant"))
        return "has a role other than system, user and assistant";
    return NULL;
}

static int take(struct sf_talk *next, const char *path, const json_t *all) {
    const json_t *list = json_is_array(all) ? all : json_object_get(all, "messages");
    if (!json_is_array(list))
        return sf_cli_fail(3, "%s: no \"messages\" in it; a JSON file as /save writes it is needed",
                           path);
    size_t n = json_array_size(list);
    if (n > MESSAGES_MAX)
        return sf_cli_fail(3, "%s: %zu messages, at most %d are read", path, n, MESSAGES_MAX);
    for (size_t i = 0; i < n; i++) {
        const json_t *m = json_array_get(list, i);
        const char *wrong = judge(m, i);
        if (wrong) return sf_cli_fail(3, "%s: message %zu %s", path, i + 1, wrong);
        const char *role = json_string_value(json_object_get(m, "role"));
        const json_t *content = json_object_get(m, "content");
        const char *text = json_string_value(content);
        bool good = strcmp(role, "system")
                        ? sf_talk_add(next, role, text, json_string_length(content))
                        : (next->system = strdup(text)) != NULL;
        if (!good) return sf_cli_fail(4, "no memory for the conversation");
    }
    if (next->n_said && strcmp(next->said[next->n_said - 1].role, "assistant"))
        sf_talk_drop_last(next); /* a message without its answer: it is asked anew */
    return 0;
}

static void swap(struct sf_talk *t, struct sf_talk *next) {
    char *system = t->system;
    struct sf_said *said = t->said;
    size_t n = t->n_said, cap = t->cap_said;
    t->system = next->system;
    t->said = next->said;
    t->n_said = next->n_said;
    t->cap_said = next->cap_said;
    next->system = system;
    next->said = said;
    next->n_said = n;
    next->cap_said = cap;
}

int sf_talk_load(struct sf_talk *t, const char *path) {
    struct sf_talk next = {.cli = t->cli};
    int code;
    json_t *all = parse(path, &code);
    if (all) code = take(&next, path, all);
    json_decref(all);
    if (!code) {
        swap(t, &next);
        code = sf_talk_recount(t);
        if (code) { /* back to what was */
            swap(t, &next);
            sf_talk_recount(t);
        } else {
            t->left_out = 0;
            t->again = 0;
            t->has_last = false;
            t->total = (struct sf_talk_totals){0};
            sf_cli_note(t->cli, "%zu messages from %s; they are read with the next one",
                        t->n_said + (t->system != NULL), path);
        }
    }
    while (next.n_said) sf_talk_drop_last(&next);
    free(next.said);
    free(next.system);
    return code;
}
