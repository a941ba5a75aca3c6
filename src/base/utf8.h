/* SPDX-License-Identifier: MIT
 * utf8.h - the text "as shown": bytes become valid UTF-8 as they arrive, one token at a time.
 * Invalid bytes become U+FFFD (one per maximal invalid part, as in the Unicode standard, 3.9);
 * an unfinished character waits. The state is tiny and copied with a beam.
 */
#ifndef SF_UTF8_H
#define SF_UTF8_H

#include "base.h"

struct sf_utf8 {
    unsigned char part[4]; /* bytes of a character not yet complete   */
    uint8_t n;             /* how many of them                        */
};

/* Upper bound of what n new bytes can produce: each may end up as a 3-byte U+FFFD, plus the part. */
#define SF_UTF8_OUT(n) (3 * ((size_t)(n) + 4))

/* Feeds n bytes; writes whole, valid characters to out (room for SF_UTF8_OUT(n)); returns bytes out. */
size_t sf_utf8_feed(struct sf_utf8 *u, const void *bytes, size_t n, char *out);
/* End of text: an unfinished character becomes U+FFFD. At most 3 bytes out (0 or 3). */
size_t sf_utf8_end(struct sf_utf8 *u, char *out);
/* Decodes one character of valid UTF-8 at p (n >= 1 bytes left): its length 1..4, *cp set;
 * 0 when the bytes at p are not a valid character (or cut off). */
int sf_utf8_decode(const unsigned char *p, size_t n, uint32_t *cp);
/* Encodes cp (<= 0x10FFFF, no surrogate): 1..4 bytes. */
int sf_utf8_encode(uint32_t cp, char *out);

#endif
