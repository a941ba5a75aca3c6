/* SPDX-License-Identifier: MIT
 * cli_rows.c - labelled texts from CSV and JSON lines; see cli_rows.h.
 */
#include "cli_rows.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

enum { MAX_FIELDS = 256 };

static int keep(struct sf_cli_rows *r, char *block) {
    char **more = realloc(r->pool, (r->n_pool + 1) * sizeof *more);
    if (!more) {
        free(block);
        return sf_cli_fail(4, "no memory for the rows");
    }
    r->pool = more;
    r->pool[r->n_pool++] = block;
    return 0;
}

static struct sf_cli_row *new_row(struct sf_cli_rows *r) {
    if (r->n == r->cap) {
        size_t cap = r->cap ? 2 * r->cap : 1024;
        struct sf_cli_row *more = realloc(r->row, cap * sizeof *more);
        if (!more) return NULL;
        r->row = more;
        r->cap = cap;
    }
    memset(&r->row[r->n], 0, sizeof r->row[0]);
    return &r->row[r->n++];
}

/* -------------------------------------------------------------------------------------- CSV */

struct csv {
    const char *path;
    char *p, *end;
    size_t line; /* of the record's start */
    size_t next_line;
    char *field[MAX_FIELDS]; /* unquoted in place, NUL behind */
    size_t length[MAX_FIELDS];
    size_t n;
};

/* A quoted field: p behind the opening quote; ends behind the closing one. */
static int quoted(struct csv *c, char **out) {
    char *w = c->p;
    for (;; c->p++) {
        if (c->p == c->end)
            return sf_cli_fail(3, "%s: line %zu: a quote that is never closed", c->path, c->line);
        if (*c->p == '"') {
            if (c->p + 1 == c->end || c->p[1] != '"') break;
            c->p++;
        }
        if (*c->p == '\n') c->next_line++;
        *w++ = *c->p;
    }
    c->p++;
    *out = w;
    return 0;
}

/* One record; c->n is 0 at the end of the file. */
static int record(struct csv *c) {
    c->n = 0;
    c->line = c->next_line;
    if (c->p == c->end) return 0;
    for (;;) {
        if (c->n == MAX_FIELDS)
            return sf_cli_fail(3, "%s: line %zu: more than %d columns", c->path, c->line,
                               (int)MAX_FIELDS);
        char *from = c->p, *to = c->p;
        if (c->p < c->end && *c->p == '"') {
            from = ++c->p;
            int code = quoted(c, &to);
            if (code) return code;
            if (c->p < c->end && *c->p != ',' && *c->p != '\n' && *c->p != '\r')
                return sf_cli_fail(3, "%s: line %zu: text behind a closing quote", c->path,
                                   c->line);
        } else {
            while (c->p < c->end && *c->p != ',' && *c->p != '\n' && *c->p != '\r') c->p++;
            to = c->p;
        }
        c->field[c->n] = from;
        c->length[c->n++] = (size_t)(to - from);
        char stop = c->p < c->end ? *c->p : '\n';
        if (stop == '\r' && c->p + 1 < c->end && c->p[1] == '\n') c->p++;
        if (c->p < c->end) c->p++;
        *to = 0; /* the stop has been read; the file has a NUL behind it */
        if (stop == ',') continue;
        c->next_line++;
        return 0;
    }
}

static int columns_of(const struct csv *c, const char *const *column, size_t at[SF_COLS]) {
    for (int k = 0; k < SF_COLS; k++) {
        at[k] = SIZE_MAX;
        for (size_t i = 0; column[k] && i < c->n; i++)
            if (strcmp(c->field[i], column[k]) == 0) at[k] = i;
        if (column[k] && at[k] == SIZE_MAX)
            return sf_cli_fail(2, "%s has no column '%s'", c->path, column[k]);
    }
    return 0;
}

static int read_csv(struct sf_cli_rows *r, struct csv *c, const char *const *column) {
    size_t at[SF_COLS];
    int code = record(c);
    if (!code) code = columns_of(c, column, at);
    while (!code && !(code = record(c)) && c->n > 0) {
        if (c->n == 1 && c->length[0] == 0) continue; /* an empty line */
        struct sf_cli_row *row = new_row(r);
        if (!row) return sf_cli_fail(4, "no memory for the rows of %s", c->path);
        for (int k = 0; k < SF_COLS && !code; k++) {
            if (!column[k]) continue;
            if (at[k] >= c->n)
                return sf_cli_fail(3, "%s: line %zu: %zu fields, and '%s' is column %zu", c->path,
                                   c->line, c->n, column[k], at[k] + 1);
            row->cell[k] = c->field[at[k]];
            row->n[k] = c->length[at[k]];
        }
    }
    return code;
}

/* ------------------------------------------------------------------------------- JSON lines */

/* A string as it is; a number, true or false as JSON writes it. */
static char *cell_of(const json_t *v, size_t *n) {
    char *text = NULL;
    if (json_is_string(v)) {
        *n = json_string_length(v);
        text = malloc(*n + 1);
        if (text) memcpy(text, json_string_value(v), *n + 1);
    } else if (json_is_number(v) || json_is_boolean(v)) {
        text = json_dumps(v, JSON_ENCODE_ANY);
        *n = text ? strlen(text) : 0;
    }
    return text;
}

static int read_object(struct sf_cli_rows *r, const json_t *o, const char *path, size_t line,
                       const char *const *column) {
    struct sf_cli_row *row = new_row(r);
    int code = row ? 0 : sf_cli_fail(4, "no memory for the rows of %s", path);
    for (int k = 0; k < SF_COLS && !code; k++) {
        if (!column[k]) continue;
        row->cell[k] = cell_of(json_object_get(o, column[k]), &row->n[k]);
        if (!row->cell[k])
            code = sf_cli_fail(3, "%s: line %zu: no text, number or truth value '%s'", path, line,
                               column[k]);
        else
            code = keep(r, row->cell[k]);
    }
    return code;
}

static int read_jsonl(struct sf_cli_rows *r, const char *text, size_t n, const char *path,
                      const char *const *column) {
    size_t line = 1;
    int code = 0;
    for (const char *p = text, *end = text + n; p < end && !code; line++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        if (!stop) stop = end;
        size_t len = (size_t)(stop - p);
        if (strspn(p, " \t\r") < len) {
            json_error_t je;
            json_t *o = json_loadb(p, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
            code = json_is_object(o) ? read_object(r, o, path, line, column)
                                     : sf_cli_fail(3, "%s: line %zu: not a JSON object%s%s", path,
                                                   line, o ? "" : ": ", o ? "" : je.text);
            json_decref(o);
        }
        p = stop + (stop < end);
    }
    return code;
}

int sf_cli_rows_read(struct sf_cli_rows *r, const char *path, const char *const *column) {
    char *text;
    size_t n;
    int code = sf_cli_read(path, &text, &n);
    if (code) return code;
    if ((code = keep(r, text))) return code;
    size_t at = n >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t blank = at + strspn(text + at, " \t\r\n");
    if (text[blank] == '{') return read_jsonl(r, text + at, n - at, path, column);
    struct csv c = {.path = path, .p = text + at, .end = text + n, .next_line = 1};
    return read_csv(r, &c, column);
}

void sf_cli_rows_free(struct sf_cli_rows *r) {
    for (size_t i = 0; i < r->n_pool; i++) free(r->pool[i]);
    free(r->pool);
    free(r->row);
}
