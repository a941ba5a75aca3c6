/* SPDX-License-Identifier: MIT
 * file.h - read-only map of a file, a cursor that tests every read, atomic replace on write.
 */
#ifndef SF_FILE_H
#define SF_FILE_H

#include "base.h"

struct sf_map {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
    bool borrowed; /* memory of somebody else's: never unmapped, never given back */
    bool copy;     /* of a file's bytes (unpacked): pages given back read as zero */
};
/* Regular files only (a directory, FIFO or device is refused). E_IO names the reason. */
surefoot_status sf_map_open(struct sf_map *m, const char *path, surefoot_error *err);
/* n files one behind the other in one map: file i has bytes[i] bytes from offset[i] on, a whole number
 * of pages; between files there are zeros. As sf_map_open for each; E_FILE: one is empty. */
surefoot_status sf_map_open_parts(struct sf_map *m, char *const *path, size_t n, size_t *offset,
                                  size_t *bytes, surefoot_error *err);
/* The same view of n bytes that lie in memory already and outlive it. E_USAGE: NULL with n > 0. */
surefoot_status sf_map_memory(struct sf_map *m, const void *data, size_t n, surefoot_error *err);
void sf_map_close(struct sf_map *m);
/* Tells the system that [offset, offset+n) will not be read again soon: the whole pages inside are
 * given back (and come from the file again if read; of a copy they are lost). Parts outside the map
 * are ignored. */
void sf_map_release(const struct sf_map *m, size_t offset, size_t n);
/* Whole small file into a sf_alloc'ed buffer, NUL added behind. max: largest size accepted (more is
 * E_FILE). Pipes are read to their end; a directory is E_IO. *out is NULL on failure. */
surefoot_status sf_read_file(char **out, size_t *n, const char *path, size_t max,
                             surefoot_error *err);

/* A file that appears whole or not at all. It is written as "<path>.tmp-<pid>" beside path (beside
 * its target where path is a link), synced, given the old file's permissions, and renamed over it.
 * Where path is anything but a regular file (a device, a directory) open refuses: E_IO. */
struct sf_outfile;
surefoot_status sf_outfile_open(struct sf_outfile **out, const char *path, surefoot_error *err);
/* Any amount; after a failure only sf_outfile_drop is left to call. */
surefoot_status sf_outfile_write(struct sf_outfile *f, const void *data, size_t n,
                                 surefoot_error *err);
/* Renames into place. f is gone afterwards; on failure path is untouched, the temporary removed. */
surefoot_status sf_outfile_commit(struct sf_outfile *f, surefoot_error *err);
void sf_outfile_drop(struct sf_outfile *f); /* NULL is fine */
/* All of it at once. */
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
