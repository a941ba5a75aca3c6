/* SPDX-License-Identifier: MIT
 * replay.c - runs a fuzz target without a fuzzer: over every file of the folders (or files) named,
 * and over damaged copies of each: cut short, and with bytes overwritten, the same ones every time.
 *
 *     PROGRAM [-n DAMAGED] PATH...        -n: damaged copies per file (default 64; 0: none)
 *
 * Fails if there is no file. A crash is the target's; the file it happened on is the last line.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static size_t files, runs;

static uint64_t next(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* Each run on a block of its own, of exactly n bytes. */
static void run(const uint8_t *data, size_t n) {
    uint8_t *copy = malloc(n ? n : 1);
    if (!copy) exit(1);
    if (n) memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
    runs++;
}

static void damage(uint8_t *data, size_t n, int copies) {
    static const uint8_t odd[] = {0, 1, 0x7F, 0x80, 0xFF};
    uint64_t seed = n;
    for (int i = 0; i < copies; i++) {
        if (i % 2) { /* cut: every length of a short file is met sooner or later */
            run(data, next(&seed) % n);
            continue;
        }
        uint8_t old[4];
        size_t at[4], k = 1 + next(&seed) % 4;
        for (size_t j = 0; j < k; j++) {
            at[j] = next(&seed) % n;
            old[j] = data[at[j]];
            uint64_t r = next(&seed);
            data[at[j]] = r & 1 ? odd[(r >> 1) % sizeof odd] : (uint8_t)(r >> 1);
        }
        run(data, n);
        while (k--) data[at[k]] = old[k];
    }
}

static int replay_file(const char *path, int copies) {
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        perror(path);
        return 1;
    }
    printf("%s\n", path);
    fflush(stdout);
    size_t n = (size_t)st.st_size;
    uint8_t *data = malloc(n + 1);
    if (!data || fread(data, 1, n, f) != n) {
        perror(path);
        return 1;
    }
    fclose(f);
    run(data, n);
    if (n) damage(data, n, copies);
    free(data);
    files++;
    return 0;
}

static int replay(const char *path, int copies) {
    DIR *d = opendir(path);
    if (!d) return replay_file(path, copies);
    int bad = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char name[1024];
        if (e->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        bad |= replay_file(name, copies);
    }
    closedir(d);
    return bad;
}

int main(int argc, char **argv) {
    int copies = 64, bad = 0, i = 1;
    if (argc > 2 && strcmp(argv[1], "-n") == 0) {
        copies = atoi(argv[2]);
        i = 3;
    }
    for (; i < argc; i++) bad |= replay(argv[i], copies);
    printf("%zu files, %zu runs\n", files, runs);
    return bad || files == 0;
}
