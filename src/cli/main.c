/* SPDX-License-Identifier: MIT
 * main.c - the command `surefoot`: finds the command in the table, parses its options, runs it.
 * The reader's path goes on in src/api/surefoot.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* A closed 0, 1 or 2 would be taken by the first file opened; text must never go into a model. */
static void hold_standard_descriptors(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* read-only: a write to it still fails with EBADF, as it should */
            if (open("/dev/null", fd == 2 ? O_WRONLY : O_RDONLY) < 0) _exit(1);
        }
}

static bool colours(bool tty) {
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return tty && !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

/* SUREFOOT_ISA lowers the kernel level. Unknown name: 2; known, but not here: 5. */
static int choose_isa(struct sf_cli *c) {
    const char *want = getenv("SUREFOOT_ISA");
    if (!want || !*want) return 0;
    for (int i = 0; surefoot_isa_name(i); i++)
        if (!strcmp(surefoot_isa_name(i), want)) {
            if (surefoot_isa_usable(i) != 1)
                return sf_cli_fail(5, "SUREFOOT_ISA=%s: this CPU lacks that level; it can use %s",
                                   want, surefoot_isa_best());
            c->isa = surefoot_isa_name(i);
            return 0;
        }
    for (size_t i = 0; i < sf_cli_n_levels; i++)
        if (!strcmp(sf_cli_levels[i], want))
            return sf_cli_fail(5, "SUREFOOT_ISA=%s: that level is not in this build; it can use %s",
                               want, surefoot_isa_best());
    return sf_cli_fail(2,
                       "SUREFOOT_ISA=%.40s is no kernel level; the names are generic, avx2, "
                       "avxvnni, avx512vnni, neon, dotprod, i8mm",
                       want);
}

static int version(const struct sf_cli *c) {
    surefoot_guard_budget b = {.size = sizeof b};
    surefoot_guard_budget_describe(&b);
    sf_outf("surefoot %s\ncompiler      %s\nkernel levels", surefoot_version(),
            surefoot_compiler());
    for (int i = 0; surefoot_isa_name(i); i++)
        sf_outf(" %s%s", surefoot_isa_name(i),
                surefoot_isa_usable(i) == 1 ? "" : " (not on this CPU)");
    sf_outf("\nchosen        %s%s\n", c->isa ? c->isa : surefoot_isa_best(),
            c->isa ? " (SUREFOOT_ISA)" : "");
    sf_outf(
        "guard budget  candidates %d, block %d, retries %d, hold-back %d bytes, evaluations per "
        "token %d\n",
        b.max_candidates, b.max_block, b.max_retries, b.max_hold, b.max_evals_per_token);
    return 0;
}

static int no_command(void) {
    fprintf(stderr, "surefoot: say what to do: surefoot run -m MODEL.gguf --guard POLICY.ini -p "
                    "\"TEXT\"\n"
                    "  surefoot --help    every command\n"
                    "  surefoot doctor    which models this machine can hold\n");
    return 2;
}

static bool is_flag(const char *arg, const char *name) {
    return arg[0] == '-' && !strcmp(arg + 1 + (arg[1] == '-'), name);
}

/* Finds argv[1] (or argv[1] argv[2]) in the table; *words: how many it took. -1: none, said so. */
static int find_command(int argc, char **argv, int *words) {
    const char *names[SF_CMD_COUNT + 1];
    char two[64] = "";
    if (argc > 2) snprintf(two, sizeof two, "%.20s %.40s", argv[1], argv[2]);
    for (int i = 0; i < SF_CMD_COUNT; i++) {
        names[i] = sf_commands[i].name;
        *words = strchr(names[i], ' ') ? 2 : 1;
        if (!strcmp(*words == 2 ? two : argv[1], names[i])) return i;
    }
    bool guard = !strcmp(argv[1], "guard");
    const char *word = guard ? two : argv[1];
    const char *near_name = *word ? sf_cli_nearest(word, names, SF_CMD_COUNT) : NULL;
    if (guard && argc < 3)
        sf_cli_fail(2, "guard needs a second word: check, budget, train or eval");
    else if (argv[1][0] == '-' && (is_flag(argv[1], "m") || is_flag(argv[1], "p")))
        sf_cli_fail(2, "the command comes first: surefoot run %.40s ...; see: surefoot --help",
                    argv[1]);
    else if (argv[1][0] == '-')
        sf_cli_fail(2,
                    "%.40s: the command comes first, as in: surefoot run -m FILE; see: surefoot "
                    "--help",
                    argv[1]);
    else if (sf_cli_model_name(argv[1]))
        sf_cli_fail(2, "the command comes first: surefoot run -m %.200s ...; see: surefoot --help",
                    argv[1]);
    else if (near_name)
        sf_cli_fail(2, "no command '%.60s'; did you mean %s?", word, near_name);
    else
        sf_cli_fail(2, "no command '%.60s'; see: surefoot --help", word);
    return -1;
}

static int dispatch(struct sf_cli *c, int argc, char **argv) {
    if (argc < 2) return no_command();
    bool help = is_flag(argv[1], "help") || !strcmp(argv[1], "-h");
    if (!strcmp(argv[1], "help")) {
        if (argc == 2)
            help = true;
        else
            argv++, argc--, c->help = 1;
    }
    if (help) {
        sf_cli_help_all();
        return 0;
    }
    int bad = choose_isa(c);
    if (bad) return bad;
    if (is_flag(argv[1], "version")) return version(c);
    if (!strcmp(argv[1], "guard") && argc > 2 &&
        (is_flag(argv[2], "help") || !strcmp(argv[2], "-h"))) {
        sf_cli_help_group("guard");
        return 0;
    }
    int words, id = find_command(argc, argv, &words);
    if (id < 0) return 2;
    c->id = (enum sf_command_id)id;
    c->command = &sf_commands[id];
    bool asked = c->help;
    if (!c->command->run) { /* reserved: its options are not known, so they are not judged */
        for (int i = 1 + words; i < argc; i++)
            asked = asked || is_flag(argv[i], "help") || !strcmp(argv[i], "-h");
        if (!asked)
            return sf_cli_fail(5, "'%s' is a reserved name; this version does not have the command",
                               c->command->name);
    } else if (!asked) {
        bad = sf_cli_parse(c, argc - 1 - words, argv + 1 + words);
        if (bad) return bad;
    }
    if (asked || c->help) {
        sf_cli_help(c->id);
        return 0;
    }
    if (c->version) return version(c);
    return c->command->run(c);
}

int main(int argc, char **argv) {
    static struct sf_cli c;
    hold_standard_descriptors();
    sf_cli_signals();
    c.stdout_tty = isatty(STDOUT_FILENO);
    c.stderr_tty = isatty(STDERR_FILENO);
    c.colour = colours(c.stderr_tty);
    int code = dispatch(&c, argc, argv);
    sf_cli_progress_end(&c);
    return sf_out_finish(code);
}
