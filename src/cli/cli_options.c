/* SPDX-License-Identifier: MIT
 * cli_options.c - the parser: one dash or two, "--name value" or "--name=value", strict numbers,
 * the nearest name for an unknown one. Everything it knows comes from the table.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

/* ------------------------------------------------------------------------------------ numbers */

bool sf_cli_int(const char *s, int64_t *out) {
    const char *digits = s + (*s == '-' || *s == '+');
    if (!*digits || digits[strspn(digits, "0123456789")]) return false;
    errno = 0;
    long long v = strtoll(s, NULL, 10);
    if (errno) v = *s == '-' ? INT64_MIN + 1 : INT64_MAX; /* out of every range */
    *out = v;
    return true;
}

bool sf_cli_real(const char *s, double *out) {
    const char *p = s + (*s == '-' || *s == '+');
    if (!strcmp(p, "inf") || !strcmp(p, "infinity")) {
        *out = *s == '-' ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (!*p || p[strspn(p, "0123456789.eE+-")]) return false;
    char *end;
    *out = strtod(s, &end);
    return end != s && !*end;
}

static bool seed_of(const char *s, uint64_t *out) {
    if (!strcmp(s, "-1")) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        uint64_t z = (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
        z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        *out = z ^ z >> 31;
        return true;
    }
    if (!*s || s[strspn(s, "0123456789")]) return false;
    errno = 0;
    *out = strtoull(s, NULL, 10);
    return !errno;
}

int sf_cli_ranges(const char *option, const char *s, int64_t min, int64_t max, int64_t *out,
                  size_t cap, size_t *n) {
    char copy[512];
    *n = 0;
    if (strlen(s) >= sizeof copy) return sf_cli_fail(2, "%s: the list is too long", option);
    snprintf(copy, sizeof copy, "%s", s);
    for (char *item = copy, *next; item; item = next) {
        next = strchr(item, ',');
        if (next) *next++ = 0;
        int64_t a = 0, b = 0, step = 1;
        char *dash = *item ? strchr(item + 1, '-') : NULL, *plus = dash ? strchr(dash, '+') : NULL;
        if (dash) *dash++ = 0;
        if (plus) *plus++ = 0;
        if (!sf_cli_int(item, &a) || (dash && !sf_cli_int(dash, &b)) ||
            (plus && !sf_cli_int(plus, &step)))
            return sf_cli_fail(2, "%s: '%s' is not a list of numbers like 1,2,4 or 1-8+2", option,
                               s);
        if (!dash) b = a;
        if (a < min || b > max || a > b || step < 1)
            return sf_cli_fail(2, "%s: '%s' is out of range (%lld to %lld)", option, s,
                               (long long)min, (long long)max);
        for (int64_t v = a; v <= b; v += step) {
            if (*n == cap)
                return sf_cli_fail(2, "%s: more than %zu numbers in '%s'", option, cap, s);
            out[(*n)++] = v;
            if (step > b - v) break;
        }
    }
    return 0;
}

/* -------------------------------------------------------------------------------------- names */

/* Walks "-n, --predict": the next name, its length without dashes in *n; NULL past the end. */
static const char *next_name(const char **names, size_t *n) {
    *names += strspn(*names, ", ");
    if (!**names) return NULL;
    size_t len = strcspn(*names, ", ");
    const char *name = *names;
    *names += len;
    size_t dashes = strspn(name, "-");
    *n = len - dashes;
    return name + dashes;
}

static const struct sf_option *find(const char *word, size_t n, uint64_t commands) {
    for (size_t i = 0; i < sf_n_options; i++) {
        if (!(sf_options[i].commands & commands)) continue;
        const char *names = sf_options[i].names, *name;
        size_t len;
        while ((name = next_name(&names, &len)))
            if (len == n && !memcmp(name, word, n)) return &sf_options[i];
    }
    return NULL;
}

/* Letters to change, insert, drop or swap with a neighbour; at most 63 of each. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), d[3][64];
    if (n > 62 || m > 62) return 99;
    for (size_t j = 0; j <= m; j++) d[0][j] = j;
    size_t *two = d[2], *one = d[0], *row = d[1];
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t v = one[j - 1] + (a[i - 1] != b[j - 1]);
            if (one[j] + 1 < v) v = one[j] + 1;
            if (row[j - 1] + 1 < v) v = row[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < v)
                v = two[j - 2] + 1;
            row[j] = v;
        }
        size_t *free_row = two;
        two = one;
        one = row;
        row = free_row;
    }
    return one[m];
}

const char *sf_cli_nearest(const char *word, const char *const *names, size_t n) {
    const char *best = NULL;
    size_t best_d = strlen(word) < 4 ? 2 : strlen(word) / 3 + 2; /* nearer than this */
    for (size_t i = 0; i < n && strlen(word) > 2; i++) /* the start of a name means that name */
        if (!strncmp(word, names[i], strlen(word)) && (!best || strlen(names[i]) < strlen(best)))
            best = names[i];
    if (best) return best;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, names[i]);
        if (d < best_d && d < strlen(names[i])) {
            best_d = d;
            best = names[i];
        }
    }
    return best;
}

static int unknown_option(const struct sf_cli *c, const char *arg, const char *word, size_t n) {
    char pool[2][2048], text[64], near_text[80] = "";
    const char *names[256];
    size_t n_names = 0, used = 0;
    if (find(word, n, ~UINT64_C(0)))
        return sf_cli_fail(2, "%s has no option %.*s; see: surefoot %s --help", c->command->name,
                           (int)(n + (size_t)(word - arg)), arg, c->command->name);
    snprintf(text, sizeof text, "%.*s", (int)n, word);
    for (size_t i = 0; i < sf_n_options; i++) {
        const char *list = sf_options[i].names, *name;
        size_t len;
        if (!(sf_options[i].commands >> c->id & 1) || !sf_options[i].help) continue;
        while ((name = next_name(&list, &len)) && n_names < 256) {
            if (used + len + 1 > sizeof pool) break;
            char *copy = (char *)pool + used;
            memcpy(copy, name, len);
            copy[len] = 0;
            names[n_names++] = copy;
            used += len + 1;
        }
    }
    const char *near_name = sf_cli_nearest(text, names, n_names);
    if (near_name) {
        const struct sf_option *o = find(near_name, strlen(near_name), UINT64_C(1) << c->id);
        const char *spelled = o ? strstr(o->names, near_name) : NULL;
        bool two = spelled && spelled - o->names >= 2 && spelled[-2] == '-';
        snprintf(near_text, sizeof near_text, "did you mean %s%s?", two ? "--" : "-", near_name);
    }
    return sf_cli_fail(2, "unknown option %.*s; %s%ssee: surefoot %s --help",
                       (int)(n + (size_t)(word - arg)), arg, near_text, near_name ? " " : "",
                       c->command->name);
}

/* ------------------------------------------------------------------------------------- values */

static int take(struct sf_cli *c, const struct sf_option *o, const char *spelled, const char *v) {
    void *at = (char *)c + o->offset;
    switch (o->kind) {
    case SF_OPT_STR:
        *(const char **)at = v;
        return 0;
    case SF_OPT_INT: {
        int64_t i;
        if (!sf_cli_int(v, &i)) return sf_cli_fail(2, "%s: '%s' is not a whole number", spelled, v);
        if ((double)i < o->min || (double)i > o->max)
            return sf_cli_fail(2, "%s: %s is out of range (%.0f to %.0f)", spelled, v, o->min,
                               o->max);
        *(int64_t *)at = i;
        return 0;
    }
    case SF_OPT_REAL: {
        double d;
        if (!sf_cli_real(v, &d)) return sf_cli_fail(2, "%s: '%s' is not a number", spelled, v);
        if (!(d >= o->min && d <= o->max))
            return sf_cli_fail(2, "%s: %s is out of range (%g to %g)", spelled, v, o->min, o->max);
        *(double *)at = d;
        return 0;
    }
    case SF_OPT_SEED:
        if (!seed_of(v, at))
            return sf_cli_fail(2, "%s: '%s' is not a number from 0 to 2^64-1 (or -1: drawn)",
                               spelled, v);
        return 0;
    case SF_OPT_LIST: {
        struct sf_cli_list *list = at;
        if (list->n == SF_CLI_LIST)
            return sf_cli_fail(2, "%s may be given %d times at most", spelled, SF_CLI_LIST);
        list->item[list->n++] = v;
        return 0;
    }
    default:
        return 0;
    }
}

static bool is_one_of(const char *s, const char *const *words) {
    for (; s && *words; words++)
        if (!strcmp(s, *words)) return true;
    return false;
}

/* A forgotten file name must not swallow the next option; a text may look like one. */
static bool names_a_file(const struct sf_option *o) {
    return o->kind == SF_OPT_STR && (!strcmp(o->arg, "FILE") || !strcmp(o->arg, "POLICY"));
}

/* One argument that starts with a dash; *i moves over a value that was taken. */
static int option(struct sf_cli *c, int argc, char **argv, int *i, char *ignored, size_t cap) {
    static const char *const maybe[] = {"on", "off", "auto", "0", "1", NULL};
    const char *arg = argv[*i], *word = arg + 1 + (arg[1] == '-'), *value = NULL;
    size_t n = strcspn(word, "=");
    uint64_t mine = UINT64_C(1) << c->id;
    const struct sf_option *o = find(word, n, mine);
    if (!o && arg[1] != '-' && word[1] >= '0' && word[1] <= '9' &&
        (o = find(word, 1, mine))) { /* -t4 */
        if (o->arg) {
            n = 1;
            value = word + 1;
        } else {
            o = NULL;
        }
    }
    if (!o) return unknown_option(c, arg, word, n);
    if (word[n] == '=') value = word + n + 1;
    char spelled[64];
    snprintf(spelled, sizeof spelled, "%.*s", (int)(n + (size_t)(word - arg)), arg);
    const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;
    bool flag = o->kind == SF_OPT_FLAG || o->kind == SF_OPT_IGNORE0;
    if (flag && value) return sf_cli_fail(2, "%s takes no value", spelled);
    if (o->kind == SF_OPT_IDS || o->kind == SF_OPT_IGNORE_MAYBE) {
        bool follows = o->kind == SF_OPT_IDS ? next && strchr("[0123456789", *next) && *next
                                             : is_one_of(next, maybe);
        if (!value && follows) value = argv[++*i];
        if (o->kind == SF_OPT_IDS) *(const char **)((char *)c + o->offset) = value ? value : "";
    } else if (!flag && !value) {
        if (!next) return sf_cli_fail(2, "%s needs a value (%s)", spelled, o->arg);
        if (names_a_file(o) && next[0] == '-' && next[1] &&
            find(next + 1 + (next[1] == '-'), strcspn(next + 1 + (next[1] == '-'), "="), mine))
            return sf_cli_fail(2, "%s needs a value (%s), and %s is an option", spelled, o->arg,
                               next);
        value = argv[++*i];
    }
    if (o->kind == SF_OPT_FLAG) {
        *(int *)((char *)c + o->offset) = 1;
    } else if (o->kind >= SF_OPT_IGNORE0) {
        size_t used = strlen(ignored);
        if (!strstr(ignored, spelled))
            snprintf(ignored + used, cap - used, "%s%s", used ? ", " : "", spelled);
    } else {
        return take(c, o, spelled, value);
    }
    return 0;
}

static void defaults(struct sf_cli *c) {
    for (size_t i = 0; i < sf_n_options; i++) {
        void *at = (char *)c + sf_options[i].offset;
        if (sf_options[i].kind == SF_OPT_INT) *(int64_t *)at = SF_CLI_UNSET;
        if (sf_options[i].kind == SF_OPT_REAL) *(double *)at = (double)NAN;
    }
}

/* A word where an option belongs: most often the model, or the text. */
static int stray_word(const struct sf_cli *c, const char *word) {
    const char *name = c->command->name;
    if (sf_cli_model_name(word))
        return c->model
                   ? sf_cli_fail(2, "%.200s: one model is enough, and -m names it", word)
                   : sf_cli_fail(2, "%.200s: the model is given with -m: surefoot %s -m %.200s",
                                 word, name, word);
    if (find("p", 1, UINT64_C(1) << c->id) && c->id != SF_CMD_bench)
        return sf_cli_fail(2, "'%.60s' is no option of %s; text is given with -p TEXT", word, name);
    return sf_cli_fail(2, "'%.60s' is no option of %s; see: surefoot %s --help", word, name, name);
}

bool sf_cli_model_name(const char *word) {
    size_t n = strlen(word);
    return n > 5 && (!strcmp(word + n - 5, ".gguf") || !strcmp(word + n - 4, ".sfz"));
}

/* Words without an option's name that a command takes. */
static size_t operands(enum sf_command_id id) {
    switch (id) {
    case SF_CMD_inspect:
        return 1;
    case SF_CMD_pack:
    case SF_CMD_unpack:
    case SF_CMD_convert:
        return 2;
    case SF_CMD_quantize:
        return 3;
    default:
        return 0;
    }
}

int sf_cli_parse(struct sf_cli *c, int argc, char **argv) {
    char ignored[256] = "";
    bool options = true;
    int bad = 0;
    defaults(c);
    for (int i = 0; i < argc && !bad && !c->help && !c->version; i++) {
        const char *arg = argv[i];
        if (options && !strcmp(arg, "--")) {
            options = false;
        } else if (options && arg[0] == '-' && arg[1]) {
            bad = option(c, argc, argv, &i, ignored, sizeof ignored);
        } else if (c->n_operand < operands(c->id)) {
            c->operand[c->n_operand++] = arg;
        } else {
            bad = stray_word(c, arg);
        }
    }
    if (!bad && c->threads > 256) {
        sf_cli_note(c, "-t %lld: 256 threads are used, the most there can be",
                    (long long)c->threads);
        c->threads = 256;
    }
    if (!bad && *ignored) sf_cli_note(c, "%s: accepted for habit's sake, no effect here", ignored);
    return bad;
}
