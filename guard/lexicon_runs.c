/* SPDX-License-Identifier: MIT
 * lexicon_runs.c - text that stands encoded in the text: base64, hex, percent escapes; see
 * lexicon.h. Each character goes through each decoder at once, and what comes out through a lane of
 * the decoder's own, so that nothing of the run need be kept.
 *
 *     base64   letters, digits, + / or - _; four make three bytes; '=' ends the run
 *     hex      digits and letters to f; two make a byte
 *     percent  what may stand in a URL; %XX is a byte, everything else is itself
 *
 * A decoded character stands at the one that completes it. In random bytes (hashes, pictures) short
 * phrases and single letters turn up by chance: only words as they are spelled count, from three
 * letters on. In a percent run only finds with an escaped character count: the plain lane has the
 * others.
 */
#include <string.h>

#include "lexicon.h"

enum { MIN_LETTERS = 3 };

static int digit_of(uint32_t cp, enum sf_encoding e) { /* -1: none */
    if (cp >= '0' && cp <= '9') return (int)(cp - '0') + (e == SF_BASE64 ? 52 : 0);
    if (e == SF_BASE64) {
        if (cp >= 'A' && cp <= 'Z') return (int)(cp - 'A');
        if (cp >= 'a' && cp <= 'z') return (int)(cp - 'a') + 26;
        if (cp == '+' || cp == '-') return 62;
        return cp == '/' || cp == '_' ? 63 : -1;
    }
    if (cp >= 'a' && cp <= 'f') return (int)(cp - 'a') + 10;
    return cp >= 'A' && cp <= 'F' ? (int)(cp - 'A') + 10 : -1;
}

static bool in_run(uint32_t cp, enum sf_encoding e) {
    if (e != SF_PERCENT) return digit_of(cp, e) >= 0;
    return cp > ' ' && cp < 0x7F && !strchr("\"<>\\^`{|}", (int)cp);
}

/* ----------------------------------------------------------------------------- decoded characters */

/* Of what a lane has found: charged if the run is one, else it waits for that. */
static void pass_on(struct sf_run *r, const struct sf_charges *c, struct sf_sink *sink) {
    for (int i = 0; i < c->n; i++) {
        if (r->length >= SF_RUN_MIN) {
            sf_sink_add(sink, c->c[i].amount, c->c[i].begin, c->c[i].end);
        } else if (r->n_waiting < SF_RUN_WAITING) {
            r->waiting[r->n_waiting++] = c->c[i];
        } else { /* its span may be any: the last one's grows to hold it */
            struct sf_charge *last = &r->waiting[SF_RUN_WAITING - 1];
            last->amount = SF_COST_UNSAFE;
            last->begin = sf_min(last->begin, c->c[i].begin);
            last->end = sf_max(last->end, c->c[i].end);
        }
    }
    if (c->overflow) sf_sink_add(sink, SF_COST_UNSAFE, c->c[0].begin, c->c[0].end);
}

static struct sf_step step_of(const struct sf_step *s, struct sf_charges *c, struct sf_sink *sink,
                              bool decoded) {
    c->n = 0;
    c->overflow = false;
    *sink = (struct sf_sink){.charges = c, .mute = s->sink->mute};
    return (struct sf_step){.x = s->x,
                            .sink = sink,
                            .begin = s->begin,
                            .end = s->end,
                            .decoded = decoded,
                            .need_decoded = true,
                            .min_letters = MIN_LETTERS};
}

static void put_byte(struct sf_run *r, const struct sf_step *s, unsigned char byte, bool decoded) {
    char text[SF_UTF8_OUT(1)];
    struct sf_charges c;
    struct sf_sink sink;
    const struct sf_step step = step_of(s, &c, &sink, decoded);
    size_t n = sf_utf8_feed(&r->utf8, &byte, 1, text);
    for (size_t i = 0; i < n;) {
        struct sf_fold_char folded[SF_FOLD_MAX];
        uint32_t cp = 0xFFFD;
        int k = sf_utf8_decode((unsigned char *)text + i, n - i, &cp);
        i += k > 0 ? (size_t)k : 1;
        sf_lane_read(&r->lane, &step, folded, sf_fold(cp, folded));
    }
    pass_on(r, &c, s->sink);
}

/* An escape that is none: its characters are themselves. */
static void put_partial(struct sf_run *r, const struct sf_step *s) {
    if (r->n > 0) put_byte(r, s, '%', false);
    if (r->n > 1) put_byte(r, s, (unsigned char)r->bits, false);
    r->n = 0;
}

static void put_percent(struct sf_run *r, const struct sf_step *s, uint32_t cp) {
    int digit = digit_of(cp, SF_HEX);
    if (r->n > 0 && digit >= 0) {
        if (r->n == 2) {
            put_byte(r, s, (unsigned char)(digit_of(r->bits, SF_HEX) * 16 + digit), true);
            r->n = 0;
        } else {
            r->bits = cp;
            r->n = 2;
        }
        return;
    }
    put_partial(r, s);
    if (cp == '%')
        r->n = 1;
    else
        put_byte(r, s, (unsigned char)cp, false);
}

static void put_digit(struct sf_run *r, enum sf_encoding e, const struct sf_step *s, int digit) {
    int width = e == SF_HEX ? 4 : 6, most = e == SF_HEX ? 2 : 4, left;
    r->bits = r->bits << width | (unsigned)digit;
    r->n++;
    left = r->n * width % 8; /* bits of the next byte: a byte is complete if fewer than came now */
    if (left < width) put_byte(r, s, (unsigned char)(r->bits >> left), true);
    if (r->n == most) r->n = 0;
}

/* ------------------------------------------------------------------------------------------- runs */

void sf_run_end(struct sf_run *r, enum sf_encoding e, const struct sf_lexicon *x,
                struct sf_sink *sink, uint64_t at) {
    if (r->length >= SF_RUN_MIN) {
        const struct sf_step last = {.x = x, .sink = sink, .begin = at - 1, .end = at},
                             here = {.x = x, .sink = sink, .begin = at, .end = at};
        struct sf_charges c;
        struct sf_sink own;
        if (e == SF_PERCENT) put_partial(r, &last);
        const struct sf_step step = step_of(&here, &c, &own, false);
        sf_lane_end(&r->lane, &step);
        pass_on(r, &c, sink);
    }
    memset(r, 0, sizeof *r);
}

void sf_run_read(struct sf_run *r, enum sf_encoding e, const struct sf_step *s, uint32_t cp,
                 bool seen) {
    if (!in_run(cp, e)) { /* what is not seen does not end a run, nor does it count */
        if (seen && r->length > 0) sf_run_end(r, e, s->x, s->sink, s->begin);
        return;
    }
    if (r->length < SF_RUN_MIN && ++r->length == SF_RUN_MIN) {
        for (int i = 0; i < r->n_waiting; i++)
            sf_sink_add(s->sink, r->waiting[i].amount, r->waiting[i].begin, r->waiting[i].end);
        r->n_waiting = 0;
    }
    if (e == SF_PERCENT)
        put_percent(r, s, cp);
    else
        put_digit(r, e, s, digit_of(cp, e));
}

uint64_t sf_run_held(const struct sf_run *r) {
    uint64_t least = sf_lane_held(&r->lane);
    for (int i = 0; i < r->n_waiting; i++) least = sf_min(least, r->waiting[i].begin);
    return least;
}
