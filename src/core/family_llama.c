/* SPDX-License-Identifier: MIT
 * family_llama.c - Llama 2, 3, 3.1, 3.2, Mistral (with its sliding window where the file has one),
 * Mixtral, SmolLM2, TinyLlama, Falcon 3: adjacent-pair RoPE (the files' q and k rows are permuted for
 * it), optional rope_freqs (Llama 3.1's long-context rule).
 */
#include "family.h"

const struct sf_family sf_family_llama = {
    .name = "llama",
    .rope_neox = false,
    .optional = SF_FAM_QKV_BIAS | SF_FAM_ROPE_FREQS | SF_FAM_EXPERTS,
    .expert_norm = true,
};
