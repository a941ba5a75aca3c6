/* SPDX-License-Identifier: MIT
 * cli_train_critic.h - what the files of `guard train` share that make a critic.
 */
#ifndef SF_CLI_TRAIN_CRITIC_H
#define SF_CLI_TRAIN_CRITIC_H

#include "cli.h"
#include "train.h"

struct sf_train_curve { /* one point of a learning curve */
    const char *what;   /* "data", "units" */
    double x;
    double auroc, within; /* at half of the answer, NAN: not measurable */
};
/* The report for people (stderr) or as one JSON object (stdout), and as a picture. */
void sf_train_print(const struct sf_cli *c, const struct sf_report *r,
                    const struct sf_train_result *t, const struct surefoot_critic *k);
void sf_train_json(const struct sf_report *r, const struct sf_train_result *t,
                   const struct surefoot_critic *k, const struct sf_train_curve *curve,
                   size_t n_curve);
int sf_train_svg(const char *path, const struct sf_report *r, const struct sf_train_curve *curve,
                 size_t n_curve);

#endif
