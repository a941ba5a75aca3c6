/* SPDX-License-Identifier: MIT
 * file.c - maps, whole files, files that appear whole, and the cursor; see file.h.
 */
#define _DEFAULT_SOURCE /* madvise */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"

#define PATH_SHOWN 120 /* bytes of a path in a message: its end says most */

static const char *shown(const char *path) {
    size_t n = strlen(path);
    if (n <= PATH_SHOWN) return path;
    path += n - PATH_SHOWN;
    while (((unsigned char)*path & 0xC0) == 0x80) path++; /* not inside a character */
    return path;
}

/* "could not <what> PATH: <reason>", E_IO. */
static surefoot_status fail_errno(surefoot_error *err, const char *what, const char *path) {
    char reason[80];
    int e = errno;
    if (strerror_r(e, reason, sizeof reason) != 0) snprintf(reason, sizeof reason, "error %d", e);
    return sf_fail(err, SUREFOOT_E_IO, 0, "could not %s '%s': %s", what, shown(path), reason);
}

static const char *kind_of(mode_t m) {
    return S_ISDIR(m)    ? "a directory"
           : S_ISFIFO(m) ? "a pipe"
           : S_ISSOCK(m) ? "a socket"
                         : "a device";
}

/* ------------------------------------------------------------------------------------- reading */

/* A regular file, open for reading. */
static surefoot_status open_regular(int *fd, size_t *size, const char *path, surefoot_error *err) {
    /* O_NONBLOCK: opening a FIFO must not wait for a writer before we can refuse it. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) return fail_errno(err, "open", path);
    struct stat st;
    surefoot_status s = SUREFOOT_OK;
    if (fstat(*fd, &st) != 0)
        s = fail_errno(err, "open", path);
    else if (!S_ISREG(st.st_mode))
        s = sf_fail(err, SUREFOOT_E_IO, 0, "'%s' is %s: a regular file is needed", shown(path),
                    kind_of(st.st_mode));
    else
        *size = (size_t)st.st_size;
    if (s != SUREFOOT_OK) close(*fd);
    return s;
}

surefoot_status sf_map_open(struct sf_map *m, const char *path, surefoot_error *err) {
    *m = (struct sf_map){0};
    int fd;
    size_t size = 0;
    SF_TRY(open_regular(&fd, &size, path, err));
    surefoot_status s = SUREFOOT_OK;
    if (size > 0) {
        void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            s = fail_errno(err, "map", path);
        else
            *m = (struct sf_map){.data = p, .size = size};
    }
    close(fd);
    return s;
}

/* Where the parts go: sizes first, as the addresses of all are reserved at once. */
static surefoot_status place_parts(char *const *path, size_t n, size_t *offset, size_t *bytes,
                                   size_t *total, surefoot_error *err) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        int fd;
        SF_TRY(open_regular(&fd, &bytes[i], path[i], err));
        close(fd);
        if (bytes[i] == 0)
            return sf_fail(err, SUREFOOT_E_FILE, 0, "'%s' is empty: download it again",
                           shown(path[i]));
        offset[i] = *total;
        if (!sf_size_add(total, *total, sf_round_up(bytes[i], page)) || *total > SIZE_MAX / 2)
            return sf_fail(err, SUREFOOT_E_MEMORY, 0, "the parts are too large together");
    }
    return SUREFOOT_OK;
}

surefoot_status sf_map_open_parts(struct sf_map *m, char *const *path, size_t n, size_t *offset,
                                  size_t *bytes, surefoot_error *err) {
    *m = (struct sf_map){0};
    size_t total, size = 0;
    SF_TRY(place_parts(path, n, offset, bytes, &total, err));
    void *all = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED) return fail_errno(err, "map", path[0]);
    surefoot_status s = SUREFOOT_OK;
    for (size_t i = 0; i < n && s == SUREFOOT_OK; i++) {
        int fd;
        s = open_regular(&fd, &size, path[i], err);
        if (s != SUREFOOT_OK) break;
        if (size != bytes[i])
            s = sf_fail(err, SUREFOOT_E_IO, 0, "'%s' changed while it was opened", shown(path[i]));
        else if (mmap((char *)all + offset[i], size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
                 MAP_FAILED)
            s = fail_errno(err, "map", path[i]);
        close(fd);
    }
    if (s != SUREFOOT_OK) {
        munmap(all, total);
        return s;
    }
    *m = (struct sf_map){.data = all, .size = total};
    return SUREFOOT_OK;
}

surefoot_status sf_map_memory(struct sf_map *m, const void *data, size_t n, surefoot_error *err) {
    *m = (struct sf_map){0};
    if (!data && n > 0) return sf_fail(err, SUREFOOT_E_USAGE, 0, "a file in memory is NULL");
    if (n > 0) *m = (struct sf_map){.data = data, .size = n, .borrowed = true};
    return SUREFOOT_OK;
}

void sf_map_close(struct sf_map *m) {
    if (m->data && !m->borrowed) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct sf_map){0};
}

void sf_map_release(const struct sf_map *m, size_t offset, size_t n) {
    long page = sysconf(_SC_PAGESIZE);
    if (!m->data || m->borrowed || page <= 0 || offset >= m->size) return;
    size_t step = (size_t)page, end = n > m->size - offset ? m->size : offset + n;
    /* Inward to whole pages: neighbours keep theirs. The file's last page may be a part. */
    size_t from = sf_round_up(offset, step), to = end == m->size ? end : end / step * step;
    if (from < to) madvise((void *)(uintptr_t)(m->data + from), to - from, MADV_DONTNEED);
}

/* Grows *buf (size *cap, n bytes used) to twice, at most to most. */
static bool grow(char **buf, size_t *cap, size_t n, size_t most) {
    size_t more = *cap > most / 2 ? most : *cap * 2;
    char *p = sf_alloc(more);
    if (!p) return false;
    memcpy(p, *buf, n);
    sf_free(*buf);
    *buf = p;
    *cap = more;
    return true;
}

static surefoot_status read_fd(char **out, size_t *n, int fd, const char *path, size_t max,
                               surefoot_error *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) return fail_errno(err, "read", path);
    bool regular = S_ISREG(st.st_mode) && st.st_size >= 0;
    if (regular && (uint64_t)st.st_size > max)
        return sf_fail(err, SUREFOOT_E_FILE, 0, "'%s' has %llu bytes: at most %zu are allowed here",
                       shown(path), (unsigned long long)st.st_size, max);
    size_t most = max < SIZE_MAX - 2 ? max + 2 : SIZE_MAX; /* one byte too many, and the NUL */
    size_t cap = sf_min(regular ? (size_t)st.st_size + 2 : 4096, most), used = 0;
    char *buf = sf_alloc(cap);
    for (;;) {
        if (!buf || (used + 1 == cap && !grow(&buf, &cap, used, most))) {
            sf_free(buf);
            return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to read '%s'", shown(path));
        }
        ssize_t got = read(fd, buf + used, sf_min(cap - 1 - used, SSIZE_MAX));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            surefoot_status s = fail_errno(err, "read", path);
            sf_free(buf);
            return s;
        }
        if (got == 0) break;
        used += (size_t)got;
        if (used > max) {
            sf_free(buf);
            return sf_fail(err, SUREFOOT_E_FILE, 0,
                           "'%s' is longer than the %zu bytes allowed here", shown(path), max);
        }
    }
    buf[used] = 0;
    *out = buf;
    *n = used;
    return SUREFOOT_OK;
}

surefoot_status sf_read_file(char **out, size_t *n, const char *path, size_t max,
                             surefoot_error *err) {
    *out = NULL;
    *n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(err, "open", path);
    surefoot_status s = read_fd(out, n, fd, path, max, err);
    close(fd);
    return s;
}

/* ------------------------------------------------------------------------------------- writing */

struct sf_outfile {
    int fd;
    char
        *path; /* where it shall appear: absolute and free of links if something is there already */
    char *temp;
    size_t temp_cap;
};

void sf_outfile_drop(struct sf_outfile *f) {
    if (!f) return;
    if (f->fd >= 0) {
        close(f->fd);
        unlink(f->temp);
    }
    sf_free(f->path);
    sf_free(f->temp);
    sf_free(f);
}

/* Resolves f->path; *mode: permissions to keep, or 0 where nothing is there yet. */
static surefoot_status find_target(struct sf_outfile *f, const char *path, mode_t *mode,
                                   surefoot_error *err) {
    struct stat st;
    *mode = 0;
    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return sf_fail(err, SUREFOOT_E_IO, 0, "'%s' is %s: it cannot be replaced by a file",
                           shown(path), kind_of(st.st_mode));
        if (!realpath(path, f->path)) return fail_errno(err, "write", path);
        *mode = st.st_mode & 07777;
        return SUREFOOT_OK;
    }
    if (errno != ENOENT) return fail_errno(err, "write", path);
    if (lstat(path, &st) == 0)
        return sf_fail(err, SUREFOOT_E_IO, 0, "'%s' is a link that leads nowhere", shown(path));
    memcpy(f->path, path, strlen(path) + 1);
    return SUREFOOT_OK;
}

/* A name that is free: "<path>.tmp-<pid>", then "<path>.tmp-<pid>-1" and so on. */
static int open_temp(struct sf_outfile *f) {
    for (int i = 0;; i++) {
        if (i == 0)
            snprintf(f->temp, f->temp_cap, "%s.tmp-%ld", f->path, (long)getpid());
        else
            snprintf(f->temp, f->temp_cap, "%s.tmp-%ld-%d", f->path, (long)getpid(), i);
        int fd = open(f->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST || i == 100) return fd;
    }
}

surefoot_status sf_outfile_open(struct sf_outfile **out, const char *path, surefoot_error *err) {
    *out = NULL;
    if (!*path) return sf_fail(err, SUREFOOT_E_IO, 0, "could not write: the file's name is empty");
    size_t cap = sf_max(strlen(path), PATH_MAX) + 1;
    struct sf_outfile *f = sf_alloc(sizeof *f);
    if (!f) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to write '%s'", shown(path));
    f->fd = -1;
    f->temp_cap = cap + 40;
    f->path = sf_alloc(cap);
    f->temp = sf_alloc(f->temp_cap);
    surefoot_status s;
    mode_t mode;
    if (!f->path || !f->temp) {
        s = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to write '%s'", shown(path));
        goto fail;
    }
    if ((s = find_target(f, path, &mode, err)) != SUREFOOT_OK) goto fail;
    f->fd = open_temp(f);
    if (f->fd < 0) {
        s = fail_errno(err, "write", f->temp);
        goto fail;
    }
    if (mode && fchmod(f->fd, mode) != 0) {
        s = fail_errno(err, "write", f->temp);
        goto fail;
    }
    *out = f;
    return SUREFOOT_OK;
fail:
    sf_outfile_drop(f);
    return s;
}

surefoot_status sf_outfile_write(struct sf_outfile *f, const void *data, size_t n,
                                 surefoot_error *err) {
    const char *p = data;
    while (n) {
        ssize_t put = write(f->fd, p, sf_min(n, SSIZE_MAX));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return fail_errno(err, "write", f->temp);
        p += put;
        n -= (size_t)put;
    }
    return SUREFOOT_OK;
}

/* The rename itself must survive a power cut, where the file system can promise that. */
static void sync_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (slash) slash[slash == path] = 0;
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

surefoot_status sf_outfile_commit(struct sf_outfile *f, surefoot_error *err) {
    surefoot_status s = SUREFOOT_OK;
    /* EINVAL: a file system that cannot sync; close reports what was left unwritten (quota). */
    bool synced = fsync(f->fd) == 0 || errno == EINVAL;
    if (!synced) s = fail_errno(err, "write", f->temp);
    int closed = close(f->fd);
    f->fd = -1;
    if (s == SUREFOOT_OK && closed != 0) s = fail_errno(err, "write", f->temp);
    if (s == SUREFOOT_OK && rename(f->temp, f->path) != 0) s = fail_errno(err, "replace", f->path);
    if (s == SUREFOOT_OK)
        sync_folder(f->path);
    else
        unlink(f->temp);
    sf_outfile_drop(f);
    return s;
}

surefoot_status sf_write_file(const char *path, const void *data, size_t n, surefoot_error *err) {
    struct sf_outfile *f;
    SF_TRY(sf_outfile_open(&f, path, err));
    surefoot_status s = sf_outfile_write(f, data, n, err);
    if (s == SUREFOOT_OK) return sf_outfile_commit(f, err);
    sf_outfile_drop(f);
    return s;
}

/* -------------------------------------------------------------------------------------- cursor */

const unsigned char *sf_get_bytes(struct sf_cursor *c, uint64_t n) {
    if (c->bad || n > c->size - c->at) {
        c->bad = true;
        return NULL;
    }
    const unsigned char *p = c->p + c->at;
    c->at += (size_t)n;
    return p;
}

static uint64_t get(struct sf_cursor *c, unsigned n) {
    const unsigned char *p = sf_get_bytes(c, n);
    uint64_t v = 0;
    while (p && n--) v = v << 8 | p[n];
    return v;
}

uint8_t sf_get_u8(struct sf_cursor *c) {
    return (uint8_t)get(c, 1);
}
uint16_t sf_get_u16(struct sf_cursor *c) {
    return (uint16_t)get(c, 2);
}
uint32_t sf_get_u32(struct sf_cursor *c) {
    return (uint32_t)get(c, 4);
}
uint64_t sf_get_u64(struct sf_cursor *c) {
    return get(c, 8);
}
