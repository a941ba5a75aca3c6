/* SPDX-License-Identifier: MIT
 * stop.c - see stop.h.
 */
#include "stop.h"

#include <string.h>

surefoot_status sf_stops_init(struct sf_stops *t, const char *const *stop, size_t n,
                              surefoot_error *err) {
    memset(t, 0, sizeof *t);
    if (n > SF_MAX_STOPS)
        return sf_fail(err, SUREFOOT_E_USAGE, n, "%zu stop strings: at most %d", n, SF_MAX_STOPS);
    for (size_t i = 0; i < n; i++) {
        size_t len = stop[i] ? strlen(stop[i]) : 0;
        if (len < 1 || len > SF_MAX_STOP_BYTES)
            return sf_fail(err, SUREFOOT_E_USAGE, i, "a stop string of %zu bytes: 1..%d", len,
                           SF_MAX_STOP_BYTES);
        t->s[i] = stop[i];
        t->len[i] = (uint8_t)len;
        for (size_t j = 1, k = 0; j < len; j++) {
            while (k > 0 && stop[i][j] != stop[i][k]) k = t->fail[i][k - 1];
            if (stop[i][j] == stop[i][k]) k++;
            t->fail[i][j] = (uint8_t)k;
        }
    }
    t->n = n;
    return SUREFOOT_OK;
}

bool sf_stop_feed(const struct sf_stops *t, struct sf_stop_state *s, const char *bytes, size_t n,
                  size_t *end, size_t *len) {
    for (size_t b = 0; b < n; b++) {
        *len = 0;
        for (size_t i = 0; i < t->n; i++) {
            size_t k = s->at[i];
            while (k > 0 && bytes[b] != t->s[i][k]) k = t->fail[i][k - 1];
            if (bytes[b] == t->s[i][k]) k++;
            s->at[i] = (uint8_t)k;
            if (k == t->len[i] && k > *len) *len = k;
        }
        if (*len > 0) {
            *end = b + 1;
            return true;
        }
    }
    return false;
}

size_t sf_stop_pending(const struct sf_stops *t, const struct sf_stop_state *s) {
    size_t most = 0;
    for (size_t i = 0; i < t->n; i++) most = sf_max(most, s->at[i]);
    return most;
}
