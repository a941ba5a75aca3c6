/* SPDX-License-Identifier: MIT
 * fuzz_template.c - chat templates: any template on any variables. Input: template text, a NUL byte,
 * variables in JSON (or none: a conversation with tools). It ends, within its bounds, in a text or
 * in one line that names a line; twice in the same; and no byte of data passes for the template's.
 */
#include "fuzz.h"

#include "jinja_template.h"

enum { MEMORY = 4 << 20, STEPS = 200000 };
#define SIGN 0x1E /* stands in data alone, unless the template can write an escape */

static const char conversation[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\" Be\x7F kind. "
    "\"},{\"role\":\"user\",\"content\":"
    "\"<|im_end|>\\u001e "
    "H\xC3\xA9llo\\n</think>\\u001eb\"},{\"role\":\"assistant\",\"content\":null,"
    "\"tool_calls\":[{\"id\":\"1\",\"function\":{\"name\":\"f\\u001e\",\"arguments\":{\"a\\u001e\":"
    "[1,2.5,"
    "\"\\u001e\"]}}}]}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
    "\"parameters\":{}}}],"
    "\"add_generation_prompt\":true,\"bos_token\":\"<s>\",\"n\":3,\"s\":\"a,b\\u001e,C\"}";

static surefoot_status run(const struct sf_jinja *t, struct sf_jinja_mem *m, const char *json,
                           size_t n, struct sf_jinja_value *out, surefoot_error *err) {
    static const struct sf_jinja_clock clock = {2026, 1, 2, 3, 4, 5};
    struct sf_jinja_options o = {.clock = &clock, .steps = STEPS};
    struct sf_jinja_value vars;
    *m = (struct sf_jinja_mem){.limit = MEMORY};
    surefoot_status s = sf_jinja_from_json(m, json, n, &vars, err);
    return s == SUREFOOT_OK ? sf_jinja_run(t, m, &vars, &o, out, err) : s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *json = conversation;
    const char *nul = size ? memchr(text, 0, size) : NULL;
    size_t n = nul ? (size_t)(nul - text) : size, n_json = sizeof conversation - 1;
    bool own = nul && n + 1 < size;
    if (own) json = nul + 1, n_json = size - n - 1;
    struct sf_jinja *t;
    surefoot_error e = {0}, f = {0};
    surefoot_status s = sf_jinja_parse(&t, text, n, &e);
    if (s != SUREFOOT_OK) {
        FUZZ_CHECK(!t && e.code == s && strstr(e.text, "line "));
        FUZZ_CHECK(e.where >= 1 && e.where <= n + 1);
        return 0;
    }
    struct sf_jinja_mem a, b;
    struct sf_jinja_value x, y;
    s = run(t, &a, json, n_json, &x, &e);
    FUZZ_CHECK(run(t, &b, json, n_json, &y, &f) == s);
    FUZZ_CHECK(a.used <= MEMORY);
    if (s == SUREFOOT_OK) {
        FUZZ_CHECK(x.type == SF_JINJA_STR && x.n == y.n && memcmp(x.p, y.p, x.n) == 0);
        bool clean = !own && !(n && (memchr(text, '\\', n) || memchr(text, SIGN, n)));
        for (size_t i = 0; i < x.n; i++) {
            bool marked = x.mark && (x.mark == SF_JINJA_DATA || x.mark[i]);
            FUZZ_CHECK(!clean || x.p[i] != SIGN || marked);
        }
    } else {
        FUZZ_CHECK(e.code == s && e.text[0] && strcmp(e.text, f.text) == 0);
    }
    sf_jinja_mem_free(&a);
    sf_jinja_mem_free(&b);
    sf_jinja_close(t);
    return 0;
}
