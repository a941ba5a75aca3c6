/* SPDX-License-Identifier: MIT
 * file.h - read-only map of a file, a cursor that tests every read, atomic replace on write.
 */
#ifndef SF_FILE_H
#define SF_FILE_H

#include "base.h"

struct sf_map {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
};
/* Regular files only (a directory, FIFO or device is refused). E_IO names the reason. */
surefoot_status sf_map_open(struct sf_map *m, const char *path, surefoot_error *err);
void sf_map_close(struct sf_map *m);
/* Tells the system that [offset, offset+n) will not be read again soon (pages are given back). */
void sf_map_release(const struct sf_map *m, size_t offset, size_t n);
/* Whole small file into a sf_alloc'ed buffer, NUL added behind. max: largest size accepted. */
surefoot_status sf_read_file(char **out, size_t *n, const char *path, size_t max,
                             surefoot_error *err);
/* Writes to "<path>.tmp-<pid>" and renames over path; on failure path is untouched. */
surefoot_status sf_write_file(const char *path, const void *data, size_t n, surefoot_error *err);

/* Little-endian cursor. A read past the end sets .bad and yields 0 / NULL; check once per group. */
struct sf_cursor {
    const unsigned char *p;
    size_t size, at;
    bool bad;
};
uint8_t sf_get_u8(struct sf_cursor *c);
uint16_t sf_get_u16(struct sf_cursor *c);
uint32_t sf_get_u32(struct sf_cursor *c);
uint64_t sf_get_u64(struct sf_cursor *c);
const unsigned char *sf_get_bytes(struct sf_cursor *c, uint64_t n);

#endif
