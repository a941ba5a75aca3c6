/* SPDX-License-Identifier: MIT
 * cli_term.c - what people see on stderr: errors, notes, statistics, a progress bar. Nothing that
 * comes from a file reaches a terminal with control or bidirectional characters in it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

/* ---------------------------------------------------------------------------------- cleaning */

size_t sf_cli_char(const unsigned char *p, size_t n, uint32_t *cp) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xC2 ? 0
                 : p[0] < 0xE0 ? 2
                 : p[0] < 0xF0 ? 3
                 : p[0] < 0xF5 ? 4
                               : 0;
    if (!len || len > n) return 0;
    *cp = len == 1 ? p[0] : p[0] & (0x7Fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        *cp = *cp << 6 | (p[i] & 0x3Fu);
    }
    return *cp < least[len] || *cp > 0x10FFFF || (*cp >= 0xD800 && *cp < 0xE000) ? 0 : len;
}

bool sf_cli_steers(uint32_t c) {
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || c == 0x61C ||
           c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Shown as a space: what moves the cursor, or is shown as nothing or as a blank as a terminal likes,
 * and what a cost model reads as a gap between words. */
static bool blank(uint32_t c) {
    return (c >= 0x0B && c <= 0x0D) || c == 0x85 || c == 0x115F || c == 0x2028 || c == 0x2029 ||
           c == 0x3164 || c == 0xFFA0;
}

size_t sf_cli_clean(const char *in, size_t n, char *out) {
    const unsigned char *p = (const unsigned char *)in;
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        size_t len = sf_cli_char(p + i, n - i, &cp);
        if (!len) {
            memcpy(out + used, "\xEF\xBF\xBD", 3);
            used += 3;
            i++;
            continue;
        }
        if (blank(cp)) {
            out[used++] = ' ';
        } else if (!sf_cli_steers(cp)) {
            memcpy(out + used, p + i, len);
            used += len;
        }
        i += len;
    }
    return used;
}

/* ---------------------------------------------------------------------------------- messages */

static bool bar_shown;

static void line(const char *before, const char *after, const char *fmt, va_list ap) {
    char text[1024], clean[3 * sizeof text];
    vsnprintf(text, sizeof text, fmt, ap);
    size_t n = sf_cli_clean(text, strlen(text), clean);
    for (size_t i = 0; i < n; i++)
        if (clean[i] == '\n') clean[i] = ' ';
    if (bar_shown) fputs("\r\x1b[K", stderr);
    bar_shown = false;
    fprintf(stderr, "%s%.*s%s\n", before, (int)n, clean, after);
}

int sf_cli_fail(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    line("surefoot: ", "", fmt, ap);
    va_end(ap);
    return code;
}

int sf_cli_status(surefoot_status s, const surefoot_error *err) {
    if (s == SUREFOOT_OK) return 0;
    if (s == SUREFOOT_E_ABORTED && sf_cli_interrupted()) return 130;
    if (s == SUREFOOT_E_ABORTED && sf_out_failed()) return 1; /* sf_out_finish says why */
    return sf_cli_fail(surefoot_status_exit(s), "%s",
                       err && err->text[0] ? err->text : surefoot_status_text(s));
}

int sf_cli_file_status(surefoot_status s, const surefoot_error *err, const char *path) {
    if (s == SUREFOOT_OK || strstr(err->text, path)) return sf_cli_status(s, err);
    return sf_cli_fail(surefoot_status_exit(s), "%s: %s", path,
                       err->text[0] ? err->text : surefoot_status_text(s));
}

void sf_cli_note(const struct sf_cli *c, const char *fmt, ...) {
    if (c->quiet) return;
    va_list ap;
    va_start(ap, fmt);
    line(c->colour ? "\x1b[33msurefoot: note:\x1b[0m " : "surefoot: note: ", "", fmt, ap);
    va_end(ap);
}

void sf_cli_say(const struct sf_cli *c, const char *fmt, ...) {
    if (!c->verbose) return;
    va_list ap;
    va_start(ap, fmt);
    line(c->colour ? "\x1b[2m" : "", c->colour ? "\x1b[0m" : "", fmt, ap);
    va_end(ap);
}

static void plain(const char *before, const char *after, const char *fmt, ...) SF_CLI_PRINTF(3, 4);
static void plain(const char *before, const char *after, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    line(before, after, fmt, ap);
    va_end(ap);
}

void sf_cli_stats(const struct sf_cli *c, const char *text) {
    if (!c->quiet) plain(c->colour ? "\x1b[2m" : "", c->colour ? "\x1b[0m" : "", "%s", text);
}

void sf_cli_tell(const struct sf_cli *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    line(c->colour ? "\x1b[2m" : "", c->colour ? "\x1b[0m" : "", fmt, ap);
    va_end(ap);
}

/* ---------------------------------------------------------------------------------- progress */

double sf_cli_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int sf_cli_progress(void *user, const char *what, uint64_t done, uint64_t total) {
    static double began, drawn;
    static const char *current;
    const struct sf_cli *c = user;
    double now = sf_cli_now();
    if (current != what || done == 0) {
        current = what;
        began = now;
    }
    bool fits = c->stderr_tty && !c->quiet && total > 0;
    if (fits && now - began > 2 && (now - drawn > 0.1 || done == total)) {
        struct winsize w = {0};
        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) || w.ws_col < 40) w.ws_col = 80;
        double share = (double)done / (double)total;
        double left = share > 0 ? (now - began) * (1 - share) / share : 0;
        int width = w.ws_col - 32 > 40 ? 40 : w.ws_col - 32, full = (int)(share * width);
        char bar[64];
        memset(bar, ' ', sizeof bar);
        memset(bar, '#', (size_t)full);
        fprintf(stderr, "\r%-8.8s [%.*s] %3.0f %%, %.0f s left ", what, width, bar, 100 * share,
                left);
        bar_shown = true;
        drawn = now;
    }
    if (done == total) sf_cli_progress_end(c);
    return sf_cli_interrupted();
}

void sf_cli_progress_end(const struct sf_cli *c) {
    (void)c;
    if (bar_shown) fputs("\r\x1b[K", stderr);
    bar_shown = false;
}
