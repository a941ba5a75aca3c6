/* SPDX-License-Identifier: MIT
 * family_llama.c - Llama 2, 3, 3.1, 3.2, Mistral 7B, SmolLM2, TinyLlama: adjacent-pair RoPE (the
 * files' q and k rows are permuted for it), optional rope_freqs (Llama 3.1's long-context rule).
 */
#include "family.h"

static surefoot_status check(const struct sf_gguf *g, const struct sf_config *c,
                             surefoot_error *err) {
    SF_UNUSED(c);
    uint64_t experts = 0;
    SF_TRY(sf_gguf_get_u64(g, "llama.expert_count", UINT32_MAX, &experts, NULL, err));
    if (experts > 0)
        return sf_fail(err, SUREFOOT_E_UNSUPPORTED, 0,
                       "mixture of experts (llama.expert_count = %llu) is not supported",
                       (unsigned long long)experts);
    return SUREFOOT_OK;
}

const struct sf_family sf_family_llama = {
    .name = "llama",
    .rope_neox = false,
    .required = 0,
    .optional = SF_FAM_QKV_BIAS | SF_FAM_ROPE_FREQS,
    .check = check,
};
