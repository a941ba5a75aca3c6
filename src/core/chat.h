/* SPDX-License-Identifier: MIT
 * chat.h - messages to token ids. Built-in layouts are recognised from the model's template text.
 * Content is always encoded as plain text: a user cannot inject control tokens.
 */
#ifndef SF_CHAT_H
#define SF_CHAT_H

#include "tokenizer.h"

enum sf_chat { SF_CHAT_NONE, SF_CHAT_CHATML, SF_CHAT_LLAMA2, SF_CHAT_LLAMA3, SF_CHAT_COUNT };

const char *sf_chat_name(enum sf_chat c);             /* "chatml", ... */
enum sf_chat sf_chat_by_name(const char *name);       /* SF_CHAT_NONE: unknown */
enum sf_chat sf_chat_recognise(const char *tmpl, size_t n); /* from a template's text */
/* Renders messages, generation prompt added, to ids. *n_out and cap as sf_encode. E_USAGE for a
 * role order the layout cannot express, or control tokens the vocabulary lacks. */
surefoot_status sf_chat_encode(const struct sf_tokenizer *t, enum sf_chat c,
                               const surefoot_message *msg, size_t n_msg, int32_t *ids, size_t cap,
                               size_t *n_out, surefoot_error *err);

#endif
