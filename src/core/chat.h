/* SPDX-License-Identifier: MIT
 * chat.h - messages to token ids. Built-in layouts are recognised from the model's template text;
 * content is always encoded as plain text: a user cannot inject control tokens.
 *
 * A layout is claimed only for templates that it renders exactly (chat.def): a template is reduced
 * to a canonical form and compared, so that formatting does not matter and anything else does.
 */
#ifndef SF_CHAT_H
#define SF_CHAT_H

#include "tokenizer.h"

enum sf_chat {
    SF_CHAT_NONE,
#define SF_CHAT(id, name, shape, flags, system) SF_CHAT_##id,
#include "chat.def"
    SF_CHAT_COUNT
};

const char *sf_chat_name(enum sf_chat c);             /* "chatml", ...; "" for SF_CHAT_NONE */
enum sf_chat sf_chat_by_name(const char *name);       /* SF_CHAT_NONE: unknown */
enum sf_chat sf_chat_recognise(const char *tmpl, size_t n); /* from a template's text */
/* Renders messages, generation prompt added, to ids. *n_out and cap as sf_encode. E_USAGE for a
 * role order the layout cannot express, or control tokens the vocabulary lacks. Layouts that name
 * today's date use the date their template has for engines without a clock: the same messages
 * give the same ids on every day. */
surefoot_status sf_chat_encode(const struct sf_tokenizer *t, enum sf_chat c,
                               const surefoot_message *msg, size_t n_msg, int32_t *ids, size_t cap,
                               size_t *n_out, surefoot_error *err);

/* The same as text, as the template itself would give it; content is not protected there. */
struct sf_chat_text {
    const char *bos, *eos;      /* spellings                                                    */
    bool add_generation_prompt; /* the turn of the assistant is opened                          */
    const char *today;          /* "26 Jul 2024"; NULL: the template's own date                 */
};
/* *n_out: bytes needed, without NUL; at most cap are written (E_USAGE if more). */
surefoot_status sf_chat_render(enum sf_chat c, const struct sf_chat_text *how,
                               const surefoot_message *msg, size_t n_msg, char *out, size_t cap,
                               size_t *n_out, surefoot_error *err);

/* Canonical form of a template (chat_template.c), for sf_chat_recognise and its tests: bytes into
 * out, room for SF_CHAT_CANON(n). 0: not a template we can read. */
#define SF_CHAT_CANON(n) (4 * (size_t)(n) + 64)
size_t sf_chat_canon(const char *tmpl, size_t n, char *out);
/* 64-bit FNV-1a of it, as chat.def has it. */
uint64_t sf_chat_hash(const char *canon, size_t n);

#endif
