/* SPDX-License-Identifier: MIT
 * gguf.h - a GGUF v2/v3 file parsed into tables over its map; knows nothing of families.
 * Source: the GGUF specification (ggml, docs/gguf.md). Every count, length, offset and product is
 * checked against the file's size before use; names and keys are unique.
 */
#ifndef SF_GGUF_H
#define SF_GGUF_H

#include "base.h"

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
    size_t offset;               /* of the value's (first element's) bytes in the file             */
    size_t bytes;                /* length of them                                                 */
};

#define SF_GGUF_MAX_DIMS 4
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
    void *block;        /* memory behind kv, tensor and their hash tables; freed by sf_gguf_close */
    uint32_t *kv_hash, *tensor_hash;
    size_t hash_mask;
};

/* Parses size bytes at data. Tells apart in its message: HTML, Git LFS pointer, old ggml formats,
 * safetensors/zip/pickle, big-endian, wrong version, truncated (expected and found bytes).
 * E_FILE with .where = byte offset. tensor types we lack are not an error here. */
surefoot_status sf_gguf_parse(struct sf_gguf *g, const void *data, size_t size,
                              surefoot_error *err);
void sf_gguf_close(struct sf_gguf *g);

/* NULL if absent. */
const struct sf_gguf_kv *sf_gguf_find(const struct sf_gguf *g, const char *key);
const struct sf_gguf_tensor *sf_gguf_tensor_find(const struct sf_gguf *g, const char *name);

/* Typed reads. Absent: *found = false (may be NULL) and the default is returned. A value of another
 * kind is an E_FILE naming key, wanted and found type; integers of any width are accepted where
 * they fit. */
surefoot_status sf_gguf_get_u64(const struct sf_gguf *g, const char *key, uint64_t max,
                                uint64_t *out, bool *found, surefoot_error *err);
surefoot_status sf_gguf_get_f64(const struct sf_gguf *g, const char *key, double *out, bool *found,
                                surefoot_error *err); /* finite only */
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
/* Array of numbers, element i as double or int64; kv must be an ARRAY of a number type, i < n. */
double sf_gguf_elem_f64(const struct sf_gguf *g, const struct sf_gguf_kv *kv, uint64_t i);
int64_t sf_gguf_elem_i64(const struct sf_gguf *g, const struct sf_gguf_kv *kv, uint64_t i);
const char *sf_gguf_type_text(enum sf_gguf_type t);

/* Writer (GGUF v3), for conversion, quantisation and critics: see gguf_write.c. */
struct sf_gguf_writer;
surefoot_status sf_gguf_writer_open(struct sf_gguf_writer **out, const char *path,
                                    surefoot_error *err);
void sf_gguf_put_u32(struct sf_gguf_writer *w, const char *key, uint32_t v);
void sf_gguf_put_f32(struct sf_gguf_writer *w, const char *key, float v);
void sf_gguf_put_bool(struct sf_gguf_writer *w, const char *key, bool v);
void sf_gguf_put_str(struct sf_gguf_writer *w, const char *key, struct sf_str v);
void sf_gguf_put_kv(struct sf_gguf_writer *w, const struct sf_gguf *from, const struct sf_gguf_kv *kv);
void sf_gguf_put_strings(struct sf_gguf_writer *w, const char *key, const struct sf_str *v, size_t n);
void sf_gguf_put_f32s(struct sf_gguf_writer *w, const char *key, const float *v, size_t n);
void sf_gguf_put_i32s(struct sf_gguf_writer *w, const char *key, const int32_t *v, size_t n);
/* Declares tensors in order; then sf_gguf_writer_begin, then exactly their bytes in order. */
void sf_gguf_put_tensor(struct sf_gguf_writer *w, const char *name, uint32_t type, uint32_t n_dims,
                        const uint64_t *dim, size_t bytes);
surefoot_status sf_gguf_writer_begin(struct sf_gguf_writer *w, surefoot_error *err);
surefoot_status sf_gguf_writer_data(struct sf_gguf_writer *w, const void *p, size_t n,
                                    surefoot_error *err);
/* Flushes, renames into place. On failure, or sf_gguf_writer_drop, the target is untouched. */
surefoot_status sf_gguf_writer_close(struct sf_gguf_writer *w, surefoot_error *err);
void sf_gguf_writer_drop(struct sf_gguf_writer *w);

#endif
