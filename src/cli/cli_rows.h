/* SPDX-License-Identifier: MIT
 * cli_rows.h - labelled texts from CSV files (RFC 4180: quotes, doubled quotes, line ends inside
 * quotes; a header line names the columns) and from JSON lines (one object a line).
 */
#ifndef SF_CLI_ROWS_H
#define SF_CLI_ROWS_H

#include "cli.h"

enum { SF_COL_TEXT, SF_COL_LABEL, SF_COL_GROUP, SF_COL_BY, SF_COLS };
struct sf_cli_row {
    char *cell[SF_COLS]; /* NUL behind; into the pool; NULL: not asked for */
    size_t n[SF_COLS];
};
struct sf_cli_rows {
    struct sf_cli_row *row;
    size_t n, cap;
    char **pool; /* what the cells point into */
    size_t n_pool;
};
/* Adds the rows of a file. column[SF_COLS]: the names asked for, NULL for none. 0, or an exit status
 * after a line that names file and line. Free with sf_cli_rows_free in any case. */
int sf_cli_rows_read(struct sf_cli_rows *r, const char *path, const char *const *column);
void sf_cli_rows_free(struct sf_cli_rows *r);

#endif
