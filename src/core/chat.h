/* SPDX-License-Identifier: MIT
 * chat.h - messages to text and to token ids, by a chat template: the model's own, one of those
 * known by name (chat.def), or any other text in Jinja.
 *
 * Content is content: the interpreter knows of every byte whether the template wrote it or it came
 * with the messages (jinja_value.h). A control token comes out only where its whole spelling is the
 * template's; in messages, tools and other variables it stays text, whatever the template does to it.
 */
#ifndef SF_CHAT_H
#define SF_CHAT_H

#include "jinja_template.h"
#include "tokenizer.h"

/* ------------------------------------------------------------------------- templates known by name */

enum sf_chat {
    SF_CHAT_NONE,
#define SF_CHAT(id, name, text) SF_CHAT_##id,
#include "chat.def"
    SF_CHAT_COUNT
};
const char *sf_chat_name(enum sf_chat c);             /* "chatml", ...; "" for SF_CHAT_NONE */
const char *sf_chat_text(enum sf_chat c);             /* in Jinja; "" for SF_CHAT_NONE */
enum sf_chat sf_chat_by_name(const char *name);       /* SF_CHAT_NONE: unknown */
/* Which of them a published template is, if it is one (SF_CHAT_NONE: another). */
enum sf_chat sf_chat_recognise(const char *tmpl, size_t n);
/* Canonical form of a template (chat_template.c), for sf_chat_recognise and its tests: bytes into
 * out, room for SF_CHAT_CANON(n). 0: not a template we can read. */
#define SF_CHAT_CANON(n) (4 * (size_t)(n) + 64)
size_t sf_chat_canon(const char *tmpl, size_t n, char *out);
/* 64-bit FNV-1a of it, as chat.def has it. */
uint64_t sf_chat_hash(const char *canon, size_t n);

/* ---------------------------------------------------------------------------------------- templates */

struct sf_chat_template; /* parsed; immutable: threads may share it */
/* From a name of chat.def, or from template text (anything with a '{'). E_USAGE: an unknown name. */
surefoot_status sf_chat_open(struct sf_chat_template **out, const char *name_or_text, size_t n,
                             surefoot_error *err);
/* A model's own: tokenizer.chat_template, and tokenizer.chat_template.tool_use for conversations
 * with tools where there is one. *out NULL with SUREFOOT_OK: the file has none. */
surefoot_status sf_chat_open_gguf(struct sf_chat_template **out, const struct sf_gguf *g,
                                  surefoot_error *err);
void sf_chat_close(struct sf_chat_template *c); /* NULL is fine */

struct sf_chat_input {
    const surefoot_message *messages; /* NULL: "messages" of variables */
    size_t n_messages;
    const char *variables; /* a JSON object, NULL: none; its keys are variables of the template:
                              tools, documents, enable_thinking, ... */
    size_t n_variables;
    bool no_generation_prompt;          /* the assistant's turn is not opened */
    const struct sf_jinja_clock *clock; /* NULL: the same text on every day, where the template
                                           can do without a clock */
    const char *bos, *eos;              /* sf_chat_render: spellings; NULL: "" */
};
/* To ids. *n_out and cap as sf_encode. *n_free: ids of the conversation; those behind it are what the
 * template has written into the answer's turn (beyond the name of a role), which is answer and is
 * charged. E_USAGE: messages the template refuses or that are no
 * messages; otherwise as sf_jinja_run. */
surefoot_status sf_chat_encode(const struct sf_chat_template *c, const struct sf_tokenizer *t,
                               const struct sf_chat_input *in, int32_t *ids, size_t cap,
                               size_t *n_out, size_t *n_free, surefoot_error *err);
/* To text: *out in m (limit set by the caller), with marks. */
surefoot_status sf_chat_render(const struct sf_chat_template *c, struct sf_jinja_mem *m,
                               const struct sf_chat_input *in, struct sf_jinja_value *out,
                               surefoot_error *err);
/* Runs the template on variables as they are (a dict of m): for tools. */
surefoot_status sf_chat_run(const struct sf_chat_template *c, struct sf_jinja_mem *m,
                            const struct sf_jinja_value *vars,
                            const struct sf_jinja_options *o, struct sf_jinja_value *out,
                            surefoot_error *err);

#endif
