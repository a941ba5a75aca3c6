/* SPDX-License-Identifier: MIT
 * encode_file TYPE IN OUT - float32 numbers of a file as blocks of a weight type: what
 * tools/compare_encoders.py measures. Not a test.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "types.h"

int main(int argc, char **argv) {
    enum sf_type t = argc == 4 ? sf_type_by_name(argv[1]) : SF_T_COUNT;
    if (t == SF_T_COUNT) {
        fputs("usage: encode_file TYPE IN OUT\n", stderr);
        return 2;
    }
    const struct sf_qtype *q = &sf_qtypes[t];
    float *x = malloc(256 * sizeof *x);
    unsigned char *b = malloc(256 * (size_t)q->bytes);
    FILE *in = fopen(argv[2], "rb"), *out = fopen(argv[3], "wb");
    if (!x || !b || !in || !out) {
        perror("encode_file");
        return 1;
    }
    while (fread(x, sizeof *x, 256, in) == 256) { /* a rest of less than 256 is left out */
        for (int i = 0; i < 256; i++)
            if (!isfinite(x[i])) return 1;
        q->encode(b, x, 256 / q->block);
        if (fwrite(b, q->bytes, 256 / q->block, out) != 256 / q->block) return 1;
    }
    free(x);
    free(b);
    fclose(in);
    return fclose(out) != 0;
}
