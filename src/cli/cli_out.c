/* SPDX-License-Identifier: MIT
 * cli_out.c - stdout with its failures noticed, reading of text, Ctrl-C.
 *
 * Writes go through one buffer and write(2): a full disk, a closed descriptor and a reader that
 * went away are told apart, and no partial line is lost in a stdio buffer at exit.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli.h"

/* ------------------------------------------------------------------------------------ output */

static char buffer[1 << 16];
static size_t used;
static int failure; /* errno of the first failed write, 0 */

/* After Ctrl-C a reader gets a moment to take what is due; one that has stalled is not waited for. */
static bool takes_more(void) {
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 40) != 0;
}

bool sf_out_flush(void) {
    for (size_t at = 0; at < used && !failure;) {
        ssize_t n = write(STDOUT_FILENO, buffer + at, used - at);
        if (n >= 0)
            at += (size_t)n;
        else if (errno != EINTR)
            failure = errno;
        else if (sf_cli_interrupted() && !takes_more())
            failure = EINTR;
    }
    used = 0;
    return !failure;
}

bool sf_out(const void *p, size_t n) {
    const char *from = p;
    while (n && !failure) {
        size_t part = sizeof buffer - used < n ? sizeof buffer - used : n;
        memcpy(buffer + used, from, part);
        used += part;
        from += part;
        n -= part;
        if (used == sizeof buffer) sf_out_flush();
    }
    return !failure;
}

bool sf_out_str(const char *s) {
    return sf_out(s, strlen(s));
}

bool sf_outf(const char *fmt, ...) {
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0) return !failure;
    return sf_out(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

bool sf_out_text(const struct sf_cli *c, const char *p, size_t n) {
    if (!c->stdout_tty) {
        sf_out(p, n);
    } else {
        char clean[3 * 512];
        for (size_t at = 0; at < n;) {
            size_t part = n - at < 512 ? n - at : 512;
            /* never cut a character: step back over its continuation bytes */
            for (size_t i = 0; i < 3 && at + part < n && part > 1; i++)
                if (((unsigned char)p[at + part] & 0xC0) == 0x80) part--;
            sf_out(clean, sf_cli_clean(p + at, part, clean));
            at += part;
        }
    }
    return sf_out_flush();
}

bool sf_out_json_str(const char *p, size_t n) {
    sf_out_str("\"");
    for (size_t i = 0, len; i < n; i += len ? len : 1) {
        uint32_t c = 0;
        len = sf_cli_char((const unsigned char *)p + i, n - i, &c);
        if (!len)
            sf_out_str("\xEF\xBF\xBD");
        else if (c == '"' || c == '\\')
            sf_outf("\\%c", (char)c);
        else if (c == '\n')
            sf_out_str("\\n");
        else if (c == '\t' || sf_cli_steers(c))
            sf_outf("\\u%04x", (unsigned)c);
        else
            sf_out(p + i, len);
    }
    return sf_out_str("\"");
}

bool sf_out_json_real(double v, int digits) {
    return isfinite(v) ? sf_outf("%.*g", digits, v) : sf_out_str("null");
}

bool sf_out_failed(void) {
    return failure != 0;
}

int sf_out_finish(int code) {
    sf_out_flush();
    if (!failure) return code;
    if (failure == EINTR) return 130;
    if (failure == EPIPE) return code ? code : 1; /* the reader has gone: nobody to tell */
    sf_cli_fail(1, "standard output: %s", failure == EBADF ? "it is closed" : strerror(failure));
    return code == 130 ? code : 1;
}

/* ------------------------------------------------------------------------------------- input */

#define INPUT_MAX ((size_t)1 << 30)

int sf_cli_read(const char *path, char **out, size_t *n) {
    bool standard = !strcmp(path, "-");
    const char *name = standard ? "standard input" : path;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    size_t cap = 1 << 16, have = 0;
    char *text = NULL;
    int code = 1;
    *out = NULL;
    *n = 0;
    if (fd < 0) return sf_cli_fail(1, "%s: %s", name, strerror(errno));
    struct stat st;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
        (uint64_t)st.st_size < INPUT_MAX)
        cap = (size_t)st.st_size + 2;
    if (!(text = malloc(cap))) goto memory;
    for (;;) {
        if (have + 1 >= cap) {
            if (cap >= INPUT_MAX) {
                sf_cli_fail(1, "%s: longer than 1 GiB; give it in parts", name);
                goto fail;
            }
            char *more = realloc(text, cap *= 2);
            if (!more) goto memory;
            text = more;
        }
        ssize_t got = read(fd, text + have, cap - have - 1);
        if (got == 0) break;
        if (got > 0) {
            have += (size_t)got;
        } else if (sf_cli_interrupted()) {
            code = 130;
            goto fail;
        } else if (errno != EINTR) {
            sf_cli_fail(1, "%s: %s", name, strerror(errno));
            goto fail;
        }
    }
    text[have] = 0;
    if (!standard) close(fd);
    *out = text;
    *n = have;
    return 0;
memory:
    code = sf_cli_fail(4, "%s: no memory to read it", name);
fail:
    free(text);
    if (!standard) close(fd);
    return code;
}

int sf_cli_text(const struct sf_cli *c, char **out, size_t *n) {
    if (c->prompt && c->file) return sf_cli_fail(2, "-p and -f: give one of them");
    if (c->prompt) {
        *n = strlen(c->prompt);
        *out = malloc(*n + 1);
        if (!*out) return sf_cli_fail(4, "no memory for the text");
        memcpy(*out, c->prompt, *n + 1);
        return 0;
    }
    if (!c->file && isatty(STDIN_FILENO))
        sf_cli_note(c, "the text is read from the terminal; end it with Ctrl-D");
    return sf_cli_read(c->file ? c->file : "-", out, n);
}

int sf_cli_ids(const char *text, size_t n, int32_t **ids, size_t *n_ids) {
    size_t cap = 64, have = 0;
    int32_t *list = malloc(cap * sizeof *list);
    if (!list) return sf_cli_fail(4, "no memory for the ids");
    for (size_t i = 0; i < n;) {
        if (strchr(" \t\r\n,[]", text[i]) && text[i]) {
            i++;
            continue;
        }
        char word[16];
        size_t len = 0;
        while (i + len < n && text[i + len] && !strchr(" \t\r\n,[]", text[i + len])) len++;
        snprintf(word, sizeof word, "%.*s", (int)(len < 15 ? len : 15), text + i);
        int64_t v;
        if (!len || !sf_cli_int(word, &v) || v < INT32_MIN || v > INT32_MAX) {
            free(list);
            return sf_cli_fail(2, "'%s' at byte %zu is not a token id", word, i);
        }
        if (have == cap) {
            int32_t *more = realloc(list, (cap *= 2) * sizeof *list);
            if (!more) {
                free(list);
                return sf_cli_fail(4, "no memory for the ids");
            }
            list = more;
        }
        list[have++] = (int32_t)v;
        i += len;
    }
    *ids = list;
    *n_ids = have;
    return 0;
}

/* -------------------------------------------------------------------------------- interrupts */

static volatile sig_atomic_t interrupted;
static surefoot_session *volatile abortable;

/* Once: stop what runs. A stop that came just before a call started is cleared by that call, so it
 * is asked for again twenty times a second, which also ends a write that waits. Twice: leave at once. */
static void on_signal(int sig) {
    int saved = errno;
    if (sig == SIGINT && interrupted) _exit(130);
    if (sig == SIGINT) interrupted = 1;
    if (abortable) surefoot_session_abort(abortable);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 50000}, NULL);
    errno = saved;
}

void sf_cli_signals(void) {
    struct sigaction act = {.sa_handler = on_signal}; /* no SA_RESTART: reads return */
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGALRM, &act, NULL);
    act.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &act, NULL);
}

void sf_cli_abortable(surefoot_session *s) {
    abortable = s;
}

bool sf_cli_interrupted(void) {
    return interrupted != 0;
}

void sf_cli_uninterrupt(void) {
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 0}, NULL);
    interrupted = 0;
}
