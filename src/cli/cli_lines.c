/* SPDX-License-Identifier: MIT
 * cli_lines.c - reading messages from a terminal (libedit) or a pipe; see cli_lines.h.
 */
#include "cli_lines.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_LINES 1000

struct sf_lines {
    const struct sf_cli *cli;
    char *text; /* the message being read */
    size_t n, cap;
    bool more; /* its first line has been read */
    /* a terminal */
    EditLine *edit;
    History *history;
    char history_path[4096]; /* "": none */
    /* a pipe */
    char buffer[1 << 14];
    size_t at, have;
    bool ended;
};

/* ------------------------------------------------------------------------------------- places */

bool sf_cli_state_path(char *out, size_t cap, const char *name) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n;
    if (state && *state == '/')
        n = snprintf(out, cap, "%s/surefoot/%s", state, name);
    else if (home && *home == '/')
        n = snprintf(out, cap, "%s/.local/state/surefoot/%s", home, name);
    else
        return false;
    if (n < 0 || (size_t)n >= cap) return false;
    for (char *p = out + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        bool made = !mkdir(out, 0700) || errno == EEXIST;
        *p = '/';
        if (!made) return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------------- terminal */

static char *ask(EditLine *e) {
    static char first[] = "> ", next[] = ". ";
    struct sf_lines *l = NULL;
    el_get(e, EL_CLIENTDATA, &l);
    return l && l->more ? next : first;
}

/* One character; unlike libedit's own, a signal ends it, so that Ctrl-C is seen at once. */
static int character(EditLine *e, wchar_t *out) {
    mbstate_t state = {0};
    (void)e;
    for (;;) {
        char byte;
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got == 0) return 0;
        if (got < 0) {
            if (errno == EINTR && !sf_cli_interrupted()) continue;
            return -1;
        }
        size_t n = mbrtowc(out, &byte, 1, &state);
        if (n == (size_t)-2) continue; /* more bytes belong to it */
        if (n != (size_t)-1) return 1;
        state = (mbstate_t){0}; /* no character: passed over */
    }
}

static void save_history(const struct sf_lines *l) {
    HistEvent ev;
    if (!l->history_path[0]) return;
    mode_t mask = umask(077);
    if (history(l->history, &ev, H_SAVE, l->history_path) < 0)
        sf_cli_say(l->cli, "%s: could not keep the history", l->history_path);
    umask(mask);
}

static bool open_terminal(struct sf_lines *l, bool keep) {
    HistEvent ev;
    const char *locale = setlocale(LC_CTYPE, "");
    if (!locale || MB_CUR_MAX == 1) setlocale(LC_CTYPE, "C.UTF-8");
    l->edit = el_init("surefoot", stdin, stdout, stderr);
    l->history = history_init();
    if (!l->edit || !l->history) return false;
    history(l->history, &ev, H_SETSIZE, HISTORY_LINES);
    history(l->history, &ev, H_SETUNIQUE, 1);
    el_set(l->edit, EL_CLIENTDATA, l);
    el_set(l->edit, EL_EDITOR, "emacs");
    el_set(l->edit, EL_SIGNAL, 0);
    el_set(l->edit, EL_PROMPT, ask);
    el_set(l->edit, EL_HIST, history, l->history);
    el_set(l->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(l->edit, NULL);
    el_set(l->edit, EL_GETCFN, character);
    if (keep && sf_cli_state_path(l->history_path, sizeof l->history_path, "history"))
        history(l->history, &ev, H_LOAD, l->history_path);
    else
        l->history_path[0] = 0;
    return true;
}

/* ----------------------------------------------------------------------------------- messages */

static bool put(struct sf_lines *l, const char *p, size_t n) {
    if (l->n + n > SF_LINE_MAX) {
        sf_cli_fail(1, "a message of more than %zu MiB is too long", SF_LINE_MAX >> 20);
        return false;
    }
    if (l->n + n + 1 > l->cap) {
        size_t cap = 2 * (l->n + n + 1);
        char *more = realloc(l->text, cap);
        if (!more) {
            sf_cli_fail(4, "no memory for the message");
            return false;
        }
        l->text = more;
        l->cap = cap;
    }
    memcpy(l->text + l->n, p, n);
    l->n += n;
    l->text[l->n] = 0;
    return true;
}

/* The line that begins at `from` is complete: true if it ends in a backslash that asks for more,
 * which becomes a newline. Two backslashes are two backslashes. */
static bool goes_on(struct sf_lines *l, size_t from) {
    size_t slashes = 0;
    while (l->n - slashes > from && l->text[l->n - 1 - slashes] == '\\') slashes++;
    if (slashes % 2 == 0) return false;
    l->text[l->n - 1] = '\n';
    return true;
}

static enum sf_line from_terminal(struct sf_lines *l) {
    for (;;) {
        int count = 0;
        size_t from = l->n;
        el_resize(l->edit);
        sf_out_flush();
        const char *line = el_gets(l->edit, &count);
        if (!line || count <= 0) {
            putchar('\n');
            fflush(stdout);
            return sf_cli_interrupted() ? SF_LINE_INTERRUPTED : SF_LINE_END;
        }
        size_t n = (size_t)count;
        while (n && (line[n - 1] == '\n' || line[n - 1] == '\r')) n--;
        if (!put(l, line, n)) return SF_LINE_FAILED;
        if (n && line[0] != ' ' &&
            line[0] != '\t') { /* as in shells: a blank in front keeps it out */
            HistEvent ev;
            char *copy = strndup(line, n);
            if (copy) history(l->history, &ev, H_ENTER, copy);
            free(copy);
            save_history(l);
        }
        if (!goes_on(l, from)) return SF_LINE_TEXT;
        l->more = true;
    }
}

/* One line without its newline behind l->text; false at the end, with *why. */
static bool pipe_line(struct sf_lines *l, enum sf_line *why) {
    bool some = false;
    for (;;) {
        if (l->at == l->have) {
            ssize_t got = l->ended ? 0 : read(STDIN_FILENO, l->buffer, sizeof l->buffer);
            if (got < 0 && errno == EINTR && !sf_cli_interrupted()) continue;
            if (got < 0) {
                *why = sf_cli_interrupted() ? SF_LINE_INTERRUPTED : SF_LINE_FAILED;
                if (*why == SF_LINE_FAILED) sf_cli_fail(1, "standard input: %s", strerror(errno));
                return false;
            }
            l->at = 0;
            l->have = (size_t)got;
            l->ended = got == 0;
            if (l->ended) {
                *why = SF_LINE_END;
                return some;
            }
        }
        const char *p = l->buffer + l->at;
        const char *end = memchr(p, '\n', l->have - l->at);
        size_t n = end ? (size_t)(end - p) : l->have - l->at;
        if (!put(l, p, n)) {
            *why = SF_LINE_FAILED;
            return false;
        }
        some = some || n;
        l->at += n + (end != NULL);
        if (end) return true;
    }
}

static enum sf_line from_pipe(struct sf_lines *l) {
    enum sf_line why = SF_LINE_TEXT;
    for (;;) {
        size_t from = l->n;
        if (!pipe_line(l, &why)) return l->more && why == SF_LINE_END ? SF_LINE_TEXT : why;
        if (l->n > from && l->text[l->n - 1] == '\r') l->text[--l->n] = 0;
        if (!goes_on(l, from)) return SF_LINE_TEXT;
        l->more = true;
    }
}

struct sf_lines *sf_lines_open(const struct sf_cli *c, bool dialogue, bool history_file) {
    struct sf_lines *l = calloc(1, sizeof *l);
    if (l) l->cli = c;
    if (l && (!put(l, "", 0) || (dialogue && !open_terminal(l, history_file)))) {
        sf_lines_close(l);
        l = NULL;
    }
    return l;
}

enum sf_line sf_lines_next(struct sf_lines *l, char **text, size_t *n) {
    l->n = 0;
    l->text[0] = 0;
    l->more = false;
    enum sf_line is = l->edit ? from_terminal(l) : from_pipe(l);
    *text = l->text;
    *n = l->n;
    return is;
}

void sf_lines_close(struct sf_lines *l) {
    if (!l) return;
    if (l->edit) el_end(l->edit);
    if (l->history) history_end(l->history);
    free(l->text);
    free(l);
}
