/* SPDX-License-Identifier: MIT
 * cli_train.h - the kinds of guard train.
 */
#ifndef SF_CLI_TRAIN_H
#define SF_CLI_TRAIN_H

#include "cli.h"

/* From rollouts of the model: the critic of a policy (without --kind). */
int sf_cli_train_critic(struct sf_cli *c);
/* From labelled text (--csv, --text, --label): an n-gram classifier. */
int sf_cli_train_ngram(struct sf_cli *c);

#endif
