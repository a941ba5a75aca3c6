/* SPDX-License-Identifier: MIT
 * safetensors.h - the table of a safetensors file over its map: u64 length, a JSON object {name:
 * {dtype, shape, data_offsets}}, the data. Source: the format's README (huggingface/safetensors).
 */
#ifndef SF_SAFETENSORS_H
#define SF_SAFETENSORS_H

#include "json_scan.h"

enum sf_st_type { SF_ST_F32, SF_ST_F16, SF_ST_BF16, SF_ST_OTHER };

struct sf_st_tensor {
    const char *name; /* into the map, not terminated */
    size_t n_name;
    enum sf_st_type type;
    char dtype[12]; /* as written */
    uint32_t n_dims;
    uint64_t dim[4];      /* outermost first; unused ones are 1 */
    size_t offset, bytes; /* in the file */
};
struct sf_safetensors {
    struct sf_st_tensor *tensor; /* sorted by name */
    size_t n;
};
#define SF_ST_MAX_HEADER (64u << 20)

/* E_FILE: cut short, malformed, a tensor outside the file, overlapping another, twice there, or whose
 * shape and bytes disagree (of dtypes we know). Time n log n in the header's size. On failure s is
 * empty. */
surefoot_status sf_safetensors_parse(struct sf_safetensors *s, const void *data, size_t size,
                                     surefoot_error *err);
void sf_safetensors_close(struct sf_safetensors *s);
/* NULL if absent. */
const struct sf_st_tensor *sf_safetensors_find(const struct sf_safetensors *s, const char *name);

#endif
