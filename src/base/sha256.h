/* SPDX-License-Identifier: MIT
 * sha256.h - SHA-256 (FIPS 180-4): names files and weights by their content. Nothing here is secret.
 */
#ifndef SF_SHA256_H
#define SF_SHA256_H

#include "base.h"

struct sf_sha256 { /* plain memory: may be copied to go on in two ways */
    uint32_t h[8];
    uint64_t n; /* bytes so far */
    unsigned char block[64];
};
#define SF_SHA256_TEXT 65 /* 64 hexadecimal digits and a NUL */

void sf_sha256_begin(struct sf_sha256 *s);
void sf_sha256_add(struct sf_sha256 *s, const void *p, size_t n);
/* n as 8 bytes, then p: what comes one after the other cannot be cut differently. */
void sf_sha256_add_sized(struct sf_sha256 *s, const void *p, size_t n);
void sf_sha256_end(struct sf_sha256 *s, char text[SF_SHA256_TEXT]);

#endif
