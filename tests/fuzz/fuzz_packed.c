/* SPDX-License-Identifier: MIT
 * fuzz_packed.c - any bytes as a packed file. Laws: a refusal has a message and leaves the map as it
 * was; what is accepted has the size it says, the same a second time, and its head is its beginning.
 */
#include "fuzz.h"
#include "packed.h"

static struct sf_map over(const uint8_t *data, size_t size) {
    struct sf_map m;
    surefoot_error e;
    FUZZ_CHECK(sf_map_memory(&m, data, size, &e) == SUREFOOT_OK);
    return m;
}

static void check(const uint8_t *data, size_t size) {
    struct sf_packed_options o = {.n_threads = 1, .most = 16u << 20}, head = o;
    struct sf_map m = over(data, size), again = m, start = m;
    surefoot_error e = {0};
    uint64_t bytes = 0;
    if (!sf_packed_is(&m)) return;
    surefoot_status st = sf_packed_expand(&m, &o, &e);
    if (st != SUREFOOT_OK) {
        FUZZ_CHECK(e.text[0] && m.data == data && m.size == size);
        return;
    }
    FUZZ_CHECK(sf_packed_size(&bytes, &again, &e) == SUREFOOT_OK && bytes == m.size);
    FUZZ_CHECK(sf_packed_expand(&again, &o, &e) == SUREFOOT_OK && again.size == m.size);
    FUZZ_CHECK(memcmp(again.data, m.data, m.size) == 0);
    head.head = true;
    FUZZ_CHECK(sf_packed_expand(&start, &head, &e) == SUREFOOT_OK && start.size == m.size);
    size_t n = 0;
    while (n < m.size && start.data[n] == m.data[n]) n++;
    for (; n < m.size; n++) FUZZ_CHECK(start.data[n] == 0);
    sf_map_close(&m);
    sf_map_close(&again);
    sf_map_close(&start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0) check(data, size);
    return 0;
}
