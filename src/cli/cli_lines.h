/* SPDX-License-Identifier: MIT
 * cli_lines.h - what the user types, message by message: with line editing and history on a
 * terminal, plain lines from a pipe. A line that ends in a backslash goes on in the next.
 */
#ifndef SF_CLI_LINES_H
#define SF_CLI_LINES_H

#include "cli.h"

#define SF_LINE_MAX ((size_t)16 << 20) /* bytes of one message */

enum sf_line {
    SF_LINE_TEXT,        /* a message                                          */
    SF_LINE_END,         /* Ctrl-D, or the end of the pipe                     */
    SF_LINE_INTERRUPTED, /* Ctrl-C: what was typed is gone                     */
    SF_LINE_FAILED       /* could not read, no memory, too long: a line said so */
};

struct sf_lines;
/* dialogue: stdin and stdout are a terminal. history: keep and read the history file. NULL: no
 * memory. */
struct sf_lines *sf_lines_open(const struct sf_cli *c, bool dialogue, bool history);
/* *text: n bytes and a NUL behind, until the next call. */
enum sf_line sf_lines_next(struct sf_lines *l, char **text, size_t *n);
void sf_lines_close(struct sf_lines *l); /* NULL is fine */

/* name in $XDG_STATE_HOME/surefoot (default ~/.local/state/surefoot), the folder made where it is
 * missing, for the user alone. false: there is no such place. */
bool sf_cli_state_path(char *out, size_t cap, const char *name);

#endif
