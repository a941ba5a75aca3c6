/* SPDX-License-Identifier: MIT
 * json_scan.h - JSON read in place, a value at a time: for files whose tree would not fit in memory
 * (vocabularies, tensor tables). A value is its bytes; nothing is copied, nothing is allocated.
 */
#ifndef SF_JSON_SCAN_H
#define SF_JSON_SCAN_H

#include "base.h"

struct sf_json { /* the bytes of a value, white space around it cut off; n 0: none */
    const char *p;
    size_t n;
};
#define SF_JSON_DEPTH 100 /* values inside values; more is malformed here */

/* Walks the members of an object or the elements of an array. */
struct sf_json_walk {
    const char *p, *end;
    char close; /* '}' or ']' */
    bool first, bad;
};
/* The one value that text is. False: malformed (brackets, strings, commas; numbers loosely). */
bool sf_json_whole(struct sf_json *out, const char *text, size_t n);
/* v must be an object ('{') or array ('['), else w->bad. */
void sf_json_walk(struct sf_json_walk *w, struct sf_json v, char open);
/* The next member (key with its quotes) or element. False at the end, or w->bad: malformed. */
bool sf_json_next(struct sf_json_walk *w, struct sf_json *key, struct sf_json *value);
/* The first member of that name (no escapes in it); n 0: none, or v is no object. */
struct sf_json sf_json_get(struct sf_json v, const char *key);
bool sf_json_is(struct sf_json v, const char *text); /* v is the string text */
/* Text of a string value: out has room for v.n bytes. False: no string, or a bad escape. Lone
 * surrogates become U+FFFD. */
bool sf_json_text(struct sf_json v, char *out, size_t *n);
/* A plain decimal integer. */
bool sf_json_u64(struct sf_json v, uint64_t *out);

#endif
