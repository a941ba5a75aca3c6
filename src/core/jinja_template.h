/* SPDX-License-Identifier: MIT
 * jinja_template.h - chat templates: the template language Jinja, as chat models use it. What the
 * templates of published models may count on is there: trim_blocks and lstrip_blocks, loop controls,
 * macros, namespaces, the filters, tests and methods of strings, lists and dicts, tojson,
 * raise_exception, strftime_now. docs/templates.md lists it all.
 *
 * A template is untrusted text: steps, memory, output and nesting are bounded, nothing outside the
 * variables can be reached, and an error is one line that names the template's line.
 */
#ifndef SF_JINJA_TEMPLATE_H
#define SF_JINJA_TEMPLATE_H

#include "jinja_value.h"

#define SF_JINJA_MAX_TEMPLATE ((size_t)1 << 20) /* bytes of template text */

struct sf_jinja;
/* Parses text (copied). E_FILE: not a template, .where and the text name the line; E_UNSUPPORTED:
 * include, import, extends; E_LIMIT; E_MEMORY. The result is immutable: threads may share it. */
surefoot_status sf_jinja_parse(struct sf_jinja **out, const char *text, size_t n,
                               surefoot_error *err);
void sf_jinja_close(struct sf_jinja *t); /* NULL is fine */

struct sf_jinja_clock { /* what strftime_now shows */
    int year, month, day, hour, minute, second; /* month and day from 1 */
};
struct sf_jinja_options {
    const struct sf_jinja_clock *clock; /* NULL: strftime_now tests as not defined; called, it is UTC */
    uint64_t steps;                     /* 0: 20 million */
};
/* Runs t on the dict vars (values of m). *out: a string in m, its marks tell what is data.
 * E_FAILED: the template cannot go on; E_USAGE: it raised an exception of its own; E_UNSUPPORTED: it
 * wants something we lack; E_LIMIT: too many steps, too deep, too much memory. All name the line. */
surefoot_status sf_jinja_run(const struct sf_jinja *t, struct sf_jinja_mem *m,
                             const struct sf_jinja_value *vars, const struct sf_jinja_options *o,
                             struct sf_jinja_value *out, surefoot_error *err);

#endif
