/* SPDX-License-Identifier: MIT
 * critic_api.c - the critic handle: a file opened for one model and one policy.
 */
#include "critic.h"
#include "model.h"
#include "policy.h"

static surefoot_status ties_of(struct sf_critic_ties *t, char model[SF_SHA256_TEXT],
                               const surefoot_model *m, const surefoot_policy *p,
                               surefoot_error *err) {
    if (!m || !p) return sf_fail(err, SUREFOOT_E_USAGE, 0, "critic: no model or no policy");
    SF_TRY(sf_model_fingerprint(m, model, err));
    *t = (struct sf_critic_ties){
        .model = model, .policy = p->digest, .budget = p->budget, .gamma = p->gamma};
    return SUREFOOT_OK;
}

surefoot_status surefoot_critic_open(surefoot_critic **out, const char *path,
                                     const surefoot_model *m, const surefoot_policy *p,
                                     surefoot_error *err) {
    struct sf_critic_ties t;
    char model[SF_SHA256_TEXT];
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_critic_open: out is NULL");
    *out = NULL;
    if (!path) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_critic_open: path is NULL");
    SF_TRY(ties_of(&t, model, m, p, err));
    return sf_critic_open(out, path, &t, err);
}

surefoot_status surefoot_critic_open_file(surefoot_critic **out, const surefoot_file *file,
                                          const surefoot_model *m, const surefoot_policy *p,
                                          surefoot_error *err) {
    struct sf_critic_ties t;
    char model[SF_SHA256_TEXT];
    if (!out) return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_critic_open_file: out is NULL");
    *out = NULL;
    if (!file || !file->data)
        return sf_fail(err, SUREFOOT_E_USAGE, 0, "surefoot_critic_open_file: no file");
    SF_TRY(ties_of(&t, model, m, p, err));
    return sf_critic_parse(out, file->data, file->n, &t, err);
}

void surefoot_critic_close(surefoot_critic *c) {
    sf_critic_close(c);
}
