/* SPDX-License-Identifier: MIT
 * toy_critic.c - critics that know nothing, or one thing, or are no numbers; see toy.h.
 */
#include "toy.h"

#include <math.h>

static uint64_t mix(uint64_t z) {
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static struct sf_value critic_value(const struct surefoot_critic *base, const float *hidden,
                                    float z) {
    static const float swings[] = {0, 1, NAN, INFINITY, -INFINITY, 1e30f, -3, 0.5f, 0.50001f};
    const struct toy_critic *c = (const struct toy_critic *)base;
    ++*c->asked;
    if (!(z >= 0 && z <= 1)) toy_break(c->toy, "the critic is told z / d0 = %g", (double)z);
    uint64_t h = mix((uint64_t)hidden[3] + 77 * (uint64_t)(z * 1024));
    int last = (int)hidden[0];
    switch (c->kind) {
    case TOY_NOISE:
        return (struct sf_value){(float)(h >> 40) / 16777216.0f, (float)(h & 255)};
    case TOY_CONSTANT:
        return (struct sf_value){c->f1, c->f2};
    case TOY_SWINGS:
        return (struct sf_value){swings[h % 9], swings[h / 9 % 9]};
    case TOY_TOKENS:
        return (struct sf_value){c->token_f1[last], c->token_f2[last]};
    case TOY_SEES_Z:
        return (struct sf_value){z, 0};
    default:
        return (struct sf_value){NAN, NAN};
    }
}

void toy_critic_init(struct toy_critic *c, enum toy_critic_kind kind) {
    *c = (struct toy_critic){.kind = kind};
    c->base =
        (struct surefoot_critic){.value = critic_value, .n_hidden = TOY_HIDDEN, .tau_high = 0.75};
}
