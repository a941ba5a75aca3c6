/* SPDX-License-Identifier: MIT
 * gguf.h - a GGUF v2/v3 file parsed into tables over its map; knows nothing of families.
 * Source: the GGUF specification (ggml, docs/gguf.md). Every count, length, offset and product is
 * checked against the file's size before use; names and keys are unique.
 */
#ifndef SF_GGUF_H
#define SF_GGUF_H

#include "arena.h"

enum sf_gguf_type {
    SF_GGUF_U8, SF_GGUF_I8, SF_GGUF_U16, SF_GGUF_I16, SF_GGUF_U32, SF_GGUF_I32, SF_GGUF_F32,
    SF_GGUF_BOOL, SF_GGUF_STRING, SF_GGUF_ARRAY, SF_GGUF_U64, SF_GGUF_I64, SF_GGUF_F64
};

struct sf_str {
    const char *p; /* into the map; not NUL-terminated */
    size_t n;
};

struct sf_gguf_kv {
    struct sf_str key;
    enum sf_gguf_type type;      /* of the value; ARRAY: see below                                 */
    enum sf_gguf_type elem_type; /* ARRAY of ... (may itself be ARRAY: skipped, not readable)      */
    uint64_t n;                  /* ARRAY: number of elements, else 1                              */
    size_t offset;               /* of the value's (first element's) bytes in the file; a string
                                    begins with its 8-byte length there                            */
    size_t bytes;                /* length of them                                                 */
};

#define SF_GGUF_MAX_DIMS 4
#define SF_GGUF_MAX_ENTRIES (1u << 20) /* keys, and tensors: beyond any real file */
#define SF_GGUF_MAX_NAME 255           /* bytes of a tensor's name                */
#define SF_GGUF_MAX_KEY 65535          /* bytes of a key                          */
#define SF_GGUF_MAX_DEPTH 4            /* arrays within arrays                    */
struct sf_gguf_tensor {
    struct sf_str name;
    uint32_t n_dims;
    uint64_t dim[SF_GGUF_MAX_DIMS]; /* dim[0] runs fastest: columns; unused ones are 1             */
    uint32_t type;                  /* GGUF's id; may be one we lack                               */
    size_t offset, bytes;           /* in the file; bytes 0 if the type is unknown                 */
};

struct sf_gguf {
    const unsigned char *data; /* not owned: must outlive this */
    size_t size;
    uint32_t version;
    struct sf_gguf_kv *kv;
    size_t n_kv;
    struct sf_gguf_tensor *tensor;
    size_t n_tensor;
    size_t data_offset; /* start of the tensor data */
    /* Indices of kv and tensor ordered by (length, bytes) of the name: look-up by halving, which no
     * choice of names can make slow. */
    uint32_t *kv_order, *tensor_order;
    struct sf_arena arena; /* memory behind all of the above; freed by sf_gguf_close */
};

/* Parses size bytes at data (which must outlive g) in time and memory proportional to size. Tells
 * apart in its message: HTML, Git LFS pointer, old ggml formats, safetensors/zip/pickle, big-endian,
 * wrong version, truncated (expected and found bytes). E_FILE with .where = byte offset. Tensor types
 * we lack are not an error here. Tensors must lie inside the file, at multiples of general.alignment
 * (8 to 2^24), and not overlap. On failure g is empty; sf_gguf_close is fine on it, and on a zeroed
 * one. */
surefoot_status sf_gguf_parse(struct sf_gguf *g, const void *data, size_t size,
                              surefoot_error *err);
void sf_gguf_close(struct sf_gguf *g);

/* g: parsed over m, the map of path. Where the file is the first of several (split.count), m becomes
 * a map of all of them and g their joint tables; else both stay as they are, as they do on failure.
 * E_USAGE: not the first part. E_FILE, E_IO: a part is missing, damaged, or not the one it is named as;
 * the message names it. path may be NULL (then a part is E_UNSUPPORTED). */
struct sf_map;
surefoot_status sf_gguf_join(struct sf_gguf *g, struct sf_map *m, const char *path,
                             surefoot_error *err);

/* NULL if absent. */
const struct sf_gguf_kv *sf_gguf_find(const struct sf_gguf *g, const char *key);
const struct sf_gguf_tensor *sf_gguf_tensor_find(const struct sf_gguf *g, const char *name);

/* Typed reads. found may be NULL. Absent: *found = false, and *out keeps what the caller put there
 * (the default). A value of another kind is an E_FILE naming key, wanted and found type (.where: the
 * value's offset), *out unchanged; integers of any width are accepted where they fit (0..max). */
surefoot_status sf_gguf_get_u64(const struct sf_gguf *g, const char *key, uint64_t max,
                                uint64_t *out, bool *found, surefoot_error *err);
surefoot_status sf_gguf_get_f64(const struct sf_gguf *g, const char *key, double *out, bool *found,
                                surefoot_error *err); /* finite only; integers count as numbers */
surefoot_status sf_gguf_get_bool(const struct sf_gguf *g, const char *key, bool *out, bool *found,
                                 surefoot_error *err);
surefoot_status sf_gguf_get_str(const struct sf_gguf *g, const char *key, struct sf_str *out,
                                bool *found, surefoot_error *err);
/* Array of strings: sequential reader (strings have no index in the file). */
struct sf_gguf_strings {
    const unsigned char *p, *end;
    uint64_t left;
};
surefoot_status sf_gguf_get_strings(const struct sf_gguf *g, const char *key,
                                    struct sf_gguf_strings *it, bool *found, surefoot_error *err);
bool sf_gguf_next_string(struct sf_gguf_strings *it, struct sf_str *out);
/* Array of numbers, element i as double or int64; kv must be an ARRAY of a number type, i < n (else
 * 0). What does not fit in int64 becomes the nearest that does; NaN 0. */
double sf_gguf_elem_f64(const struct sf_gguf *g, const struct sf_gguf_kv *kv, uint64_t i);
int64_t sf_gguf_elem_i64(const struct sf_gguf *g, const struct sf_gguf_kv *kv, uint64_t i);
const char *sf_gguf_type_text(enum sf_gguf_type t);

/* Writer (GGUF v3, alignment 32), for conversion, quantisation and critics. A put that fails (memory,
 * a name too long or used twice) is remembered and reported by sf_gguf_writer_begin. */
struct sf_gguf_writer;
surefoot_status sf_gguf_writer_open(struct sf_gguf_writer **out, const char *path,
                                    surefoot_error *err);
void sf_gguf_put_u32(struct sf_gguf_writer *w, const char *key, uint32_t v);
void sf_gguf_put_f32(struct sf_gguf_writer *w, const char *key, float v);
void sf_gguf_put_bool(struct sf_gguf_writer *w, const char *key, bool v);
void sf_gguf_put_str(struct sf_gguf_writer *w, const char *key, struct sf_str v);
/* A copy of any value; general.alignment is left out, as the writer has its own. */
void sf_gguf_put_kv(struct sf_gguf_writer *w, const struct sf_gguf *from, const struct sf_gguf_kv *kv);
void sf_gguf_put_strings(struct sf_gguf_writer *w, const char *key, const struct sf_str *v, size_t n);
void sf_gguf_put_f32s(struct sf_gguf_writer *w, const char *key, const float *v, size_t n);
void sf_gguf_put_i32s(struct sf_gguf_writer *w, const char *key, const int32_t *v, size_t n);
/* Declares tensors in order; then sf_gguf_writer_begin, then exactly their bytes in order, in pieces
 * of any size (padding is added). bytes must agree with a type and dimensions we know. */
void sf_gguf_put_tensor(struct sf_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const uint64_t *dim, size_t bytes);
surefoot_status sf_gguf_writer_begin(struct sf_gguf_writer *w, surefoot_error *err);
surefoot_status sf_gguf_writer_data(struct sf_gguf_writer *w, const void *p, size_t n,
                                    surefoot_error *err);
/* Flushes, renames into place; w is gone afterwards. On failure, or after sf_gguf_writer_drop (NULL
 * is fine), the target is untouched. E_USAGE if bytes of a declared tensor are missing. */
surefoot_status sf_gguf_writer_close(struct sf_gguf_writer *w, surefoot_error *err);
void sf_gguf_writer_drop(struct sf_gguf_writer *w);

#endif
