/* SPDX-License-Identifier: MIT
 * packed.h - the packed container (.sfz): any file, losslessly, as zstd frames that are read in
 * parallel. The caller says where the file's parts lie (the tables of a GGUF, then each tensor), so
 * that a part is a frame of its own (several where it is longer than SF_PACKED_FRAME) and the tables
 * can be read alone. Layout: docs/packed.md.
 */
#ifndef SF_PACKED_H
#define SF_PACKED_H

#include "file.h"

#define SF_PACKED_FRAME (8u << 20)   /* bytes a frame holds at most, before compression  */
#define SF_PACKED_MAX_STRIDE 4096    /* bytes of a record whose bytes are grouped by place */
#define SF_PACKED_MAX_FRAMES (1u << 22)

/* A part of the file. stride: bytes of the records it consists of (2 for F16, the block of a
 * quantised type); the writer may group the records' bytes by their place if that packs better.
 * 0 or 1: none. */
struct sf_packed_part {
    size_t bytes, stride;
};
struct sf_packed_options {
    int level;     /* of zstd, 1..19 (writing)                                                */
    int n_threads; /* 0: sf_default_threads()                                                 */
    bool head;     /* reading: only the first part is filled in, all behind it reads as zero  */
    uint64_t most; /* reading: refuse what unpacks to more bytes than this (E_MEMORY); 0: any */
    surefoot_progress_fn progress; /* may be NULL                                             */
    void *user;
    const char *what; /* for progress: "pack", "load"                                         */
};

/* Do these bytes begin as a packed file does? */
bool sf_packed_is(const struct sf_map *m);
/* Bytes the file has when unpacked. E_FILE: damaged or cut short. */
surefoot_status sf_packed_size(uint64_t *bytes, const struct sf_map *m, surefoot_error *err);
/* Writes m as a packed file; parts tile it in order, the first is the head. Every frame is unpacked
 * again and compared before it is written. *packed: bytes of the new file. E_IO, E_MEMORY,
 * E_ABORTED (progress), E_USAGE (parts do not tile the file). path appears whole or not at all. */
surefoot_status sf_packed_write(const char *path, const struct sf_map *m,
                                const struct sf_packed_part *part, size_t n_part,
                                const struct sf_packed_options *o, uint64_t *packed,
                                surefoot_error *err);
/* m, a map of a packed file, becomes a map of what it holds (in memory of its own, m->copy set); on
 * failure m is as it was. Every frame's checksum is tested. E_FILE with .where = offset of the bad
 * frame, E_MEMORY, E_ABORTED. */
surefoot_status sf_packed_expand(struct sf_map *m, const struct sf_packed_options *o,
                                 surefoot_error *err);
/* Writes what m, a map of a packed file, holds to a file that appears whole or not at all, some
 * frames at a time. Codes as above, and E_IO. */
surefoot_status sf_packed_unpack(const char *path, const struct sf_map *m,
                                 const struct sf_packed_options *o, surefoot_error *err);
/* A GGUF file for who reads only its tables: mapped, and if it is packed its head is expanded. */
surefoot_status sf_map_tables(struct sf_map *m, const char *path, surefoot_error *err);

#endif
