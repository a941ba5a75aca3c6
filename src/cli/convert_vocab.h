/* SPDX-License-Identifier: MIT
 * convert_vocab.h - a vocabulary being gathered for `surefoot convert`.
 */
#ifndef SF_CONVERT_VOCAB_H
#define SF_CONVERT_VOCAB_H

#include "convert.h"

enum { SF_CV_NORMAL = 1, SF_CV_UNKNOWN, SF_CV_CONTROL, SF_CV_USER, SF_CV_UNUSED, SF_CV_BYTE };

struct sf_cv_vocab {
    size_t n, cap;       /* ids; room for */
    struct sf_str *text; /* [cap] by id; n 0: no token has it */
    float *score;
    int32_t *type; /* 0: no token has it */
    char *pool;    /* texts are in here */
    size_t pool_n, pool_cap;
};
/* Room for pool bytes of text; vocabularies of at most 2^22 ids. */
surefoot_status sf_cv_vocab_open(struct sf_cv *c, struct sf_cv_vocab *v, size_t pool);
void sf_cv_vocab_close(struct sf_cv_vocab *v);
/* Token id: n bytes at p (copied). E_FILE: an id out of range. A later call for the same id wins. */
surefoot_status sf_cv_token(struct sf_cv *c, struct sf_cv_vocab *v, uint64_t id, const char *p,
                            size_t n, float score, int type);
/* Id of a text, -1: none. Linear: for the few special ones. */
int64_t sf_cv_vocab_find(const struct sf_cv_vocab *v, const char *text);

/* tokenizer.model -> v; *prefix: does it put a space in front. */
surefoot_status sf_cv_sentencepiece(struct sf_cv *c, struct sf_cv_vocab *v, bool *prefix);

#endif
