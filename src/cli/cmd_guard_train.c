/* SPDX-License-Identifier: MIT
 * cmd_guard_train.c - guard train: what is trained is told by --kind.
 */
#include <string.h>

#include "cli.h"
#include "cli_train.h"

int sf_cmd_guard_train(struct sf_cli *c) {
    if (c->kind && strcmp(c->kind, "ngram") == 0) return sf_cli_train_ngram(c);
    if (c->kind && strcmp(c->kind, "critic") != 0)
        return sf_cli_fail(2, "--kind %s: known are critic and ngram", c->kind);
    return sf_cli_train_critic(c);
}
