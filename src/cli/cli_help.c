/* SPDX-License-Identifier: MIT
 * cli_help.c - help, printed from the same tables that the parser reads.
 */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* Prints text from column `at` in lines of 100 columns; the cursor stands at column `now`. */
static void wrap(const char *text, size_t now, size_t at) {
    if (now + 2 > at) {
        sf_out_str("\n");
        now = 0;
    }
    sf_outf("%*s", (int)(at - now), "");
    size_t column = at;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column > at && column + 1 + n > 100) {
            sf_outf("\n%*s", (int)at, "");
            column = at;
        } else if (column > at) {
            sf_out_str(" ");
            column++;
        }
        sf_out(text, n);
        column += n;
        text += n + strspn(text + n, " ");
    }
    sf_out_str("\n");
}

/* "-n, --predict" of "-n, --predict, --n-predict": the first two names. */
static size_t first_two(const char *names) {
    const char *comma = strchr(names, ',');
    if (!comma) return strlen(names);
    const char *second = strchr(comma + 1, ',');
    return second ? (size_t)(second - names) : strlen(names);
}

static void options(enum sf_command_id id, bool common) {
    for (size_t i = 0; i < sf_n_options; i++) {
        const struct sf_option *o = &sf_options[i];
        bool everywhere = o->commands == ~UINT64_C(0);
        if (!o->help || !(o->commands >> id & 1) || everywhere != common) continue;
        size_t n = first_two(o->names);
        sf_outf("  %.*s", (int)n, o->names);
        size_t column = 2 + n;
        if (o->arg) {
            sf_outf(" %s", o->arg);
            column += 1 + strlen(o->arg);
        }
        wrap(o->help, column, 32);
    }
}

void sf_cli_help(enum sf_command_id id) {
    const struct sf_command *c = &sf_commands[id];
    sf_outf("surefoot %s: %s\n", c->name, c->summary);
    if (!c->run) {
        sf_out_str("\nThe name is reserved; this version does not have the command.\n");
        return;
    }
    sf_out_str("\nExamples\n");
    for (const char *p = c->examples; p && *p;) {
        size_t n = strcspn(p, "\n");
        sf_outf("  %.*s\n", (int)n, p);
        p += n + (p[n] == '\n');
    }
    sf_out_str("\nOptions (one dash or two, \"--name value\" or \"--name=value\")\n");
    options(id, false);
    options(id, true);
}

static void list(const char *only_group, bool reserved) {
    const char *group = "";
    for (int i = 0; i < SF_CMD_COUNT; i++) {
        const struct sf_command *c = &sf_commands[i];
        if ((only_group && strcmp(c->group, only_group)) || !c->run != reserved) continue;
        if (!reserved && strcmp(group, c->group)) sf_outf("\n%s\n", group = c->group);
        sf_outf("  %-14s%s\n", c->name, c->summary);
    }
}

void sf_cli_help_all(void) {
    sf_out_str("surefoot: text from a GGUF model on the CPU; every token passes a guard before "
               "anyone sees it\n\n"
               "  surefoot COMMAND [options]\n");
    list(NULL, false);
    sf_out_str("\nReserved names, not in this version\n");
    list(NULL, true);
    sf_out_str("\nsurefoot COMMAND --help shows examples and every option; surefoot --version what "
               "was built.\n");
}

void sf_cli_help_group(const char *prefix) {
    sf_outf("surefoot %s COMMAND [options]\n", prefix);
    list("Guard", false);
    sf_out_str("\nReserved names, not in this version\n");
    list("Guard", true);
}
