/* SPDX-License-Identifier: MIT
 * test_file.c - maps, whole files, files that appear whole or not at all, the cursor.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "test_folder.h"

#include "arena.h"
#include "file.h"

static void put(const char *path, const char *text, size_t n) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void expect(const char *path, const char *text) {
    char *got;
    size_t n;
    assert_ok(sf_read_file(&got, &n, path, 1 << 20, err));
    assert_int_equal(n, strlen(text));
    assert_string_equal(got, text);
    sf_free(got);
}

/* Files in the test's folder whose name holds part. */
static int count(const char *part) {
    DIR *d = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += strstr(e->d_name, part) != NULL;
    closedir(d);
    return n;
}

/* ---------------------------------------------------------------- map */

static void map(void **state) {
    SF_UNUSED(state);
    struct sf_map m;
    put(at("a"), "hello", 5);
    assert_ok(sf_map_open(&m, at("a"), err));
    assert_int_equal(m.size, 5);
    assert_memory_equal(m.data, "hello", 5);
    sf_map_close(&m);
    assert_null(m.data);
    sf_map_close(&m);

    put(at("empty"), "", 0);
    assert_ok(sf_map_open(&m, at("empty"), err));
    assert_null(m.data);
    assert_int_equal(m.size, 0);
    sf_map_release(&m, 0, 10);
    sf_map_close(&m);

    expect_status(sf_map_open(&m, at("missing"), err), SUREFOOT_E_IO, "No such file");
    expect_status(sf_map_open(&m, folder, err), SUREFOOT_E_IO, "a directory");
    expect_status(sf_map_open(&m, "/dev/null", err), SUREFOOT_E_IO, "a device");
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    expect_status(sf_map_open(&m, at("fifo"), err), SUREFOOT_E_IO,
                  "a pipe"); /* and does not wait */
    assert_int_equal(sf_map_open(&m, at("missing"), NULL), SUREFOOT_E_IO);
}

/* A long path must not push the reason out of the message, nor be cut inside a character. */
static void long_path(void **state) {
    SF_UNUSED(state);
    struct sf_map m;
    surefoot_error e = {0};
    char path[600] = "/";
    for (int i = 0; i < 100; i++) strcat(path, "\xE2\x82\xAC/");
    strcat(path, "model.gguf");
    assert_int_equal(sf_map_open(&m, path, &e), SUREFOOT_E_IO);
    assert_non_null(strstr(e.text, "No such file"));
    assert_non_null(strstr(e.text, "model.gguf'"));
    const char *quote = strchr(e.text, '\'');
    assert_true((quote[1] & 0xC0) != 0x80);
}

/* Resident kilobytes of the mapping at p, -1 where the system does not tell. */
static long resident(const void *p) {
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512];
    bool here = false;
    long kb = -1;
    while (f && fgets(line, sizeof line, f)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            here = from <= (uintptr_t)p && (uintptr_t)p < to;
        else if (here && sscanf(line, "Rss: %ld", &kb) == 1)
            break;
    }
    if (f) fclose(f);
    return kb;
}

static long touch(const struct sf_map *m) {
    long sum = 0;
    for (size_t i = 0; i < m->size; i++) sum += ((volatile const unsigned char *)m->data)[i];
    return sum;
}

static void release(void **state) {
    SF_UNUSED(state);
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 8 * page + 100;
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++) text[i] = (char)(i * 7 + i / page);
    put(at("pages"), text, n);
    struct sf_map m;
    assert_ok(sf_map_open(&m, at("pages"), err));
    touch(&m);
    long kb = (long)(page / 1024), full = resident(m.data);
    bool told = full == 9 * kb;
    if (!told) printf("resident pages are not told here (%ld kB): only contents checked\n", full);
    const struct {
        size_t offset, n;
        long gone; /* whole pages inside */
    } cases[] = {
        {0, 0, 0},         {1, 2 * page, 1},        {0, 2 * page, 2},
        {1, page - 1, 0},  {page - 1, page + 2, 1}, {8 * page, 100, 1},
        {8 * page, 99, 0}, {8 * page + 1, 99, 0},   {0, n, 9},
        {0, SIZE_MAX, 9},  {page, SIZE_MAX, 8},     {n, 5, 0},
        {SIZE_MAX, 5, 0},  {SIZE_MAX, SIZE_MAX, 0}, {7 * page + 1, n, 1},
    };
    for (size_t i = 0; i < SF_COUNT(cases); i++) {
        touch(&m);
        sf_map_release(&m, cases[i].offset, cases[i].n);
        if (told) assert_int_equal(resident(m.data), full - cases[i].gone * kb);
        assert_memory_equal(m.data, text, n);
    }
    sf_map_close(&m);
    free(text);
}

/* ---------------------------------------------------------------- whole files */

static void read_file(void **state) {
    SF_UNUSED(state);
    char *got;
    size_t n;
    put(at("r"), "a\0b", 3);
    assert_ok(sf_read_file(&got, &n, at("r"), 3, err));
    assert_int_equal(n, 3);
    assert_memory_equal(got, "a\0b", 4);
    sf_free(got);
    expect_status(sf_read_file(&got, &n, at("r"), 2, err), SUREFOOT_E_FILE, "3 bytes: at most 2");
    assert_null(got);
    put(at("r0"), "", 0);
    assert_ok(sf_read_file(&got, &n, at("r0"), 0, err));
    assert_int_equal(n, 0);
    assert_string_equal(got, "");
    sf_free(got);
    assert_ok(sf_read_file(&got, &n, at("r"), SIZE_MAX, err));
    sf_free(got);
    expect_status(sf_read_file(&got, &n, at("none"), 10, err), SUREFOOT_E_IO, "No such file");
    expect_status(sf_read_file(&got, &n, folder, 10, err), SUREFOOT_E_IO, "Is a directory");
    expect_status(sf_read_file(&got, &n, "/dev/zero", 9999, err), SUREFOOT_E_FILE, "longer than");
}

static void read_pipe(void **state) {
    SF_UNUSED(state);
    int fd[2];
    char text[20000], name[32], *got;
    size_t n;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i % 23);
    for (int max = 19999; max <= 20000; max++) {
        assert_int_equal(pipe(fd), 0);
        assert_int_equal(write(fd[1], text, sizeof text), sizeof text);
        close(fd[1]);
        snprintf(name, sizeof name, "/dev/fd/%d", fd[0]);
        surefoot_status s = sf_read_file(&got, &n, name, (size_t)max, NULL);
        close(fd[0]);
        assert_int_equal(s, max == 20000 ? SUREFOOT_OK : SUREFOOT_E_FILE);
        if (s != SUREFOOT_OK) continue;
        assert_int_equal(n, sizeof text);
        assert_memory_equal(got, text, n);
        sf_free(got);
    }
}

/* ---------------------------------------------------------------- writing */

static void write_file(void **state) {
    SF_UNUSED(state);
    struct stat st;
    assert_ok(sf_write_file(at("w"), "one", 3, err));
    expect(at("w"), "one");
    assert_int_equal(chmod(at("w"), 0640), 0);
    assert_ok(sf_write_file(at("w"), "three", 5, err));
    expect(at("w"), "three");
    assert_int_equal(stat(at("w"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640); /* as it was */
    assert_ok(sf_write_file(at("w"), NULL, 0, err));
    expect(at("w"), "");

    assert_int_equal(symlink("w", at("link")), 0);
    assert_ok(sf_write_file(at("link"), "via", 3, err));
    assert_int_equal(lstat(at("link"), &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect(at("w"), "via");

    assert_int_equal(symlink("nowhere", at("dangling")), 0);
    expect_status(sf_write_file(at("dangling"), "x", 1, err), SUREFOOT_E_IO, "leads nowhere");
    expect_status(sf_write_file("/dev/null", "x", 1, err), SUREFOOT_E_IO, "a device");
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    expect_status(sf_write_file(folder, "x", 1, err), SUREFOOT_E_IO, "a directory");
    expect_status(sf_write_file(at("no/such"), "x", 1, err), SUREFOOT_E_IO, "No such file");
    expect_status(sf_write_file("", "x", 1, err), SUREFOOT_E_IO, "empty");
    assert_int_equal(count(".tmp-"), 0);
}

/* In the working folder, without a slash. */
static void write_here(void **state) {
    SF_UNUSED(state);
    char was[512];
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(folder), 0);
    assert_ok(sf_write_file("plain", "p", 1, err));
    expect("plain", "p");
    assert_int_equal(chdir(was), 0);
}

/* Nothing is seen under the name before commit, or ever after drop. Two writers never meet. */
static void outfile(void **state) {
    SF_UNUSED(state);
    struct sf_outfile *a, *b;
    put(at("o"), "old", 3);
    assert_ok(sf_outfile_open(&a, at("o"), err));
    assert_ok(sf_outfile_open(&b, at("o"), err));
    assert_int_equal(count("o.tmp-"), 2);
    assert_ok(sf_outfile_write(a, "A", 1, err));
    assert_ok(sf_outfile_write(b, "BB", 2, err));
    assert_ok(sf_outfile_write(a, "A", 1, err));
    expect(at("o"), "old");
    sf_outfile_drop(b);
    expect(at("o"), "old");
    assert_ok(sf_outfile_commit(a, err));
    expect(at("o"), "AA");
    assert_int_equal(count("o.tmp-"), 0);
    sf_outfile_drop(NULL);
}

/* A full disk, played by a limit on file sizes: the old file stays, no temporary is left. */
static void write_fails(void **state) {
    SF_UNUSED(state);
    struct rlimit was, small;
    char text[5000];
    memset(text, 'x', sizeof text);
    put(at("full"), "old", 3);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    surefoot_error e = {0};
    surefoot_status s = sf_write_file(at("full"), text, sizeof text, &e);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_int_equal(s, SUREFOOT_E_IO);
    assert_non_null(strstr(e.text, "File too large"));
    expect(at("full"), "old");
    assert_int_equal(count("full.tmp-"), 0);
}

/* The target turns into a directory while we write: rename fails, and nothing stays behind. */
static void commit_fails(void **state) {
    SF_UNUSED(state);
    struct sf_outfile *f;
    surefoot_error e = {0};
    assert_ok(sf_outfile_open(&f, at("late"), err));
    assert_int_equal(mkdir(at("late"), 0700), 0);
    assert_int_equal(sf_outfile_commit(f, &e), SUREFOOT_E_IO);
    assert_non_null(strstr(e.text, "could not replace"));
    assert_int_equal(count("late.tmp-"), 0);
}

static int calls_left;
static bool fail_later(size_t bytes) {
    SF_UNUSED(bytes);
    return calls_left-- == 0;
}

static void no_memory(void **state) {
    SF_UNUSED(state);
    char *got;
    size_t n;
    put(at("m"), "old", 3);
    sf_alloc_hook(fail_later);
    for (int k = 0;; k++) {
        calls_left = k;
        surefoot_status s = sf_write_file(at("m"), "new", 3, NULL);
        if (calls_left >= 0) {
            sf_alloc_hook(NULL);
            assert_int_equal(s, SUREFOOT_OK);
            assert_true(k >= 3);
            break;
        }
        assert_int_equal(s, SUREFOOT_E_MEMORY);
        assert_int_equal(count("m.tmp-"), 0);
    }
    sf_alloc_hook(fail_later);
    calls_left = 0;
    assert_int_equal(sf_read_file(&got, &n, at("m"), 10, NULL), SUREFOOT_E_MEMORY);
    assert_null(got);
    calls_left = 1; /* the first growth */
    assert_int_equal(sf_read_file(&got, &n, "/dev/zero", 9999, NULL), SUREFOOT_E_MEMORY);
    sf_alloc_hook(NULL);
}

/* ---------------------------------------------------------------- cursor */

static void cursor(void **state) {
    SF_UNUSED(state);
    const unsigned char b[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0xF0, 0xFF};
    struct sf_cursor c = {b, sizeof b, 0, false};
    assert_int_equal(sf_get_u8(&c), 1);
    assert_int_equal(sf_get_u16(&c), 0x0302);
    assert_int_equal(sf_get_u32(&c), 0x07060504);
    assert_true(sf_get_u64(&c) == 0x0F0E0D0C0B0A0908u);
    assert_ptr_equal(sf_get_bytes(&c, 0), b + 15);
    assert_ptr_equal(sf_get_bytes(&c, 2), b + 15);
    assert_non_null(sf_get_bytes(&c, 0));
    assert_false(c.bad);
    assert_int_equal(sf_get_u8(&c), 0);
    assert_true(c.bad);
    assert_null(sf_get_bytes(&c, 0)); /* stays bad */

    const uint64_t lengths[] = {18, UINT64_MAX, UINT64_MAX - 16, (uint64_t)1 << 63};
    for (size_t i = 0; i < SF_COUNT(lengths); i++)
        for (size_t from = 0; from <= sizeof b; from += sizeof b) {
            c = (struct sf_cursor){b, sizeof b, from, false};
            assert_null(sf_get_bytes(&c, lengths[i]));
            assert_true(c.bad);
            assert_int_equal(c.at, from);
        }
    c = (struct sf_cursor){b, 7, 0, false}; /* a read across the end yields 0, not a part */
    assert_true(sf_get_u64(&c) == 0 && c.bad);
    c = (struct sf_cursor){NULL, 0, 0, false};
    assert_int_equal(sf_get_u32(&c), 0);
    assert_true(c.bad);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map),          cmocka_unit_test(long_path), cmocka_unit_test(release),
        cmocka_unit_test(read_file),    cmocka_unit_test(read_pipe), cmocka_unit_test(write_file),
        cmocka_unit_test(write_here),   cmocka_unit_test(outfile),   cmocka_unit_test(write_fails),
        cmocka_unit_test(commit_fails), cmocka_unit_test(no_memory), cmocka_unit_test(cursor),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
