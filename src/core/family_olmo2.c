/* SPDX-License-Identifier: MIT
 * family_olmo2.c - OLMo 2: norms after attention and feed-forward instead of before; norms over the
 * whole rows of q and k.
 */
#include "family.h"

const struct sf_family sf_family_olmo2 = {
    .name = "olmo2",
    .rope_neox = true,
    .required = SF_FAM_POST_NORM | SF_FAM_NO_PRE_NORM | SF_FAM_QK_NORM_ROW,
};
