/* SPDX-License-Identifier: MIT
 * packed.c - the packed container; see packed.h and docs/packed.md.
 *
 *     "SFZ" 1 CR LF 1A LF | frame ... frame | index | footer
 *     index:  u64 bytes unpacked, u64 frames of the head, then for each frame
 *             u32 bytes unpacked, u32 bytes of the frame, u32 stride
 *     footer: u64 offset of the index, u32 its bytes, u32 frames, "SFZ" 1
 * Little-endian. Frames lie back to back in the file's order; each, and the index, is a zstd frame
 * with a checksum. The footer has none: a wrong one points at what is no index of that many frames.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "packed.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>

#include "arena.h"
#include "threads.h"

static const unsigned char magic[8] = {'S', 'F', 'Z', 1, '\r', '\n', 0x1a, '\n'};
enum { FOOTER = 20, HEAD = 16, ENTRY = 12, BATCH = 4 /* frames in flight per thread, writing */ };

struct frame {
    uint64_t from;  /* bytes: place in the unpacked file */
    uint64_t at;    /* place in the packed one           */
    uint32_t bytes; /* unpacked                          */
    uint32_t packed;
    uint32_t stride;
};

static int threads_of(const struct sf_packed_options *o) {
    int n = o->n_threads > 0 ? o->n_threads : sf_default_threads();
    return n < SF_MAX_THREADS ? n : SF_MAX_THREADS;
}

static void put32(unsigned char *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (unsigned char)(v >> 8 * i);
}

static void put64(unsigned char *p, uint64_t v) {
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

/* ------------------------------------------------------------------------- bytes by their place */

enum { TILE = 64 }; /* records at a time, so that all of a tile's lines stay near */

/* n bytes of records of `stride` bytes: first bytes, then second bytes, ...; a rest stays behind. */
static void group(unsigned char *to, const unsigned char *from, size_t n, size_t stride) {
    size_t rows = n / stride;
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j = 0, i1 = sf_min(i0 + TILE, rows); j < stride; j++)
            for (size_t i = i0; i < i1; i++) to[j * rows + i] = from[i * stride + j];
    memcpy(to + rows * stride, from + rows * stride, n - rows * stride);
}

static void ungroup(unsigned char *to, const unsigned char *from, size_t n, size_t stride) {
    size_t rows = n / stride;
    for (size_t i0 = 0; i0 < rows; i0 += TILE)
        for (size_t j = 0, i1 = sf_min(i0 + TILE, rows); j < stride; j++)
            for (size_t i = i0; i < i1; i++) to[i * stride + j] = from[j * rows + i];
    memcpy(to + rows * stride, from + rows * stride, n - rows * stride);
}

/* Unpacks one frame into to (f->bytes). room: SF_PACKED_FRAME bytes. False: damaged. */
static bool unpack(ZSTD_DCtx *z, unsigned char *to, unsigned char *room, const struct frame *f,
                   const unsigned char *from) {
    unsigned char *raw = f->stride > 1 ? room : to;
    if (ZSTD_decompressDCtx(z, raw, f->bytes, from, f->packed) != f->bytes) return false;
    if (f->stride > 1) ungroup(to, room, f->bytes, f->stride);
    return true;
}

/* --------------------------------------------------------------------------------------- writing */

struct slot { /* one frame on its way */
    struct frame f;
    unsigned char *packed;
};

struct writer {
    const struct sf_map *m;
    const struct sf_packed_options *o;
    size_t bound; /* bytes a frame may become   */
    struct slot *slot;
    size_t n_slot;
    unsigned char **room; /* [thread]: 2 frames of room */
    atomic_size_t next;
    atomic_int failed; /* surefoot_status            */
};

static size_t pack_as(ZSTD_CCtx *z, const struct writer *w, struct slot *s, unsigned char *room,
                      uint32_t stride) {
    const unsigned char *from = w->m->data + s->f.from;
    if (stride > 1) group(room, from, s->f.bytes, stride);
    return ZSTD_compress2(z, s->packed, w->bound, stride > 1 ? room : from, s->f.bytes);
}

/* Packs a frame both ways where it has records and keeps the shorter; reads it back. */
static surefoot_status pack(const struct writer *w, struct slot *s, ZSTD_CCtx *z, ZSTD_DCtx *back,
                            unsigned char *room) {
    uint32_t stride = s->f.stride;
    size_t plain = 0, n = 0;
    if (stride > 1) n = pack_as(z, w, s, room, stride);
    if (stride > 1 && ZSTD_isError(n)) return SUREFOOT_E_MEMORY;
    plain = pack_as(z, w, s, room, 1);
    if (ZSTD_isError(plain)) return SUREFOOT_E_MEMORY;
    s->f.stride = stride > 1 && n < plain ? stride : 1;
    if (s->f.stride > 1) n = pack_as(z, w, s, room, stride);
    s->f.packed = (uint32_t)(s->f.stride > 1 ? n : plain);
    unsigned char *to = room + SF_PACKED_FRAME;
    bool same = !ZSTD_isError(n) && unpack(back, to, room, &s->f, s->packed) &&
                memcmp(to, w->m->data + s->f.from, s->f.bytes) == 0;
    return same ? SUREFOOT_OK : SUREFOOT_E_FAILED;
}

static void pack_body(void *arg, struct sf_member *me) {
    struct writer *w = arg;
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_DCtx *back = ZSTD_createDCtx();
    surefoot_status st = z && back ? SUREFOOT_OK : SUREFOOT_E_MEMORY;
    if (z && (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, w->o->level)) ||
              ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))))
        st = SUREFOOT_E_FAILED;
    for (size_t i; st == SUREFOOT_OK && (i = atomic_fetch_add(&w->next, 1)) < w->n_slot;)
        st = pack(w, &w->slot[i], z, back, w->room[me->id]);
    if (st != SUREFOOT_OK) atomic_store(&w->failed, (int)st);
    ZSTD_freeCCtx(z);
    ZSTD_freeDCtx(back);
}

/* Bytes of a part's full frames: whole records in each, so that all of them are grouped. */
static size_t frame_bytes(const struct sf_packed_part *p) {
    return p->stride > 1 ? SF_PACKED_FRAME / p->stride * p->stride : SF_PACKED_FRAME;
}

/* Cuts parts into frames. NULL: no memory, too many, or the parts do not tile the file. */
static struct frame *cut(const struct sf_map *m, const struct sf_packed_part *part, size_t n_part,
                         size_t *n_frame, size_t *n_head) {
    size_t n = 0, total = 0;
    for (size_t i = 0; i < n_part; i++) {
        if (!sf_size_add(&total, total, part[i].bytes) || part[i].stride > SF_PACKED_MAX_STRIDE)
            return NULL;
        n += (part[i].bytes + frame_bytes(&part[i]) - 1) / frame_bytes(&part[i]);
        if (i == 0) *n_head = n;
    }
    if (total != m->size || n > SF_PACKED_MAX_FRAMES || n == 0) return NULL;
    struct frame *f = sf_alloc(n * sizeof *f);
    size_t k = 0;
    uint64_t from = 0;
    for (size_t i = 0; f && i < n_part; i++)
        for (size_t left = part[i].bytes; left; k++) {
            size_t bytes = sf_min(left, frame_bytes(&part[i]));
            f[k] = (struct frame){
                .from = from, .bytes = (uint32_t)bytes, .stride = (uint32_t)part[i].stride};
            from += bytes;
            left -= bytes;
        }
    *n_frame = n;
    return f;
}

static surefoot_status write_frames(struct writer *w, struct sf_outfile *out, struct frame *f,
                                    size_t n, uint64_t *at, surefoot_error *err) {
    size_t batch = w->n_slot;
    int threads = threads_of(w->o);
    for (size_t i = 0; i < n; i += batch) {
        w->n_slot = sf_min(batch, n - i);
        for (size_t j = 0; j < w->n_slot; j++) w->slot[j].f = f[i + j];
        atomic_store(&w->next, 0);
        sf_team_run(threads, pack_body, w);
        int failed = atomic_load(&w->failed);
        if (failed)
            return sf_fail(err, (surefoot_status)failed, f[i].from, "%s near byte %llu",
                           failed == SUREFOOT_E_MEMORY ? "no memory to pack"
                                                       : "a frame does not unpack to what it holds",
                           (unsigned long long)f[i].from);
        for (size_t j = 0; j < w->n_slot; j++) {
            const struct slot *s = &w->slot[j];
            SF_TRY(sf_outfile_write(out, s->packed, s->f.packed, err));
            f[i + j] = s->f;
            *at += s->f.packed;
        }
        const struct frame *last = &f[i + w->n_slot - 1];
        if (w->o->progress &&
            w->o->progress(w->o->user, w->o->what, last->from + last->bytes, w->m->size))
            return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped");
    }
    return SUREFOOT_OK;
}

static surefoot_status write_index(struct sf_outfile *out, const struct frame *f, size_t n,
                                   size_t n_head, uint64_t size, uint64_t *at,
                                   surefoot_error *err) {
    unsigned char foot[FOOTER];
    size_t bytes = HEAD + n * ENTRY, bound = ZSTD_compressBound(bytes);
    unsigned char *raw = sf_alloc(bytes), *packed = sf_alloc(bound);
    ZSTD_CCtx *z = ZSTD_createCCtx();
    surefoot_status st = SUREFOOT_E_MEMORY;
    if (!raw || !packed || !z) goto done;
    put64(raw, size);
    put64(raw + 8, n_head);
    for (size_t i = 0; i < n; i++) {
        unsigned char *p = raw + HEAD + i * ENTRY;
        put32(p, f[i].bytes);
        put32(p + 4, f[i].packed);
        put32(p + 8, f[i].stride);
    }
    if (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))) goto done;
    size_t got = ZSTD_compress2(z, packed, bound, raw, bytes);
    if (ZSTD_isError(got) || got > UINT32_MAX) goto done;
    put64(foot, *at);
    put32(foot + 8, (uint32_t)got);
    put32(foot + 12, (uint32_t)n);
    memcpy(foot + 16, magic, 4);
    st = sf_outfile_write(out, packed, got, err);
    if (st == SUREFOOT_OK) st = sf_outfile_write(out, foot, sizeof foot, err);
    *at += got + sizeof foot;
done:
    if (st == SUREFOOT_E_MEMORY)
        st = sf_fail(err, st, 0, "no memory for the index of %zu frames", n);
    ZSTD_freeCCtx(z);
    sf_free(raw);
    sf_free(packed);
    return st;
}

surefoot_status sf_packed_write(const char *path, const struct sf_map *m,
                                const struct sf_packed_part *part, size_t n_part,
                                const struct sf_packed_options *o, uint64_t *packed,
                                surefoot_error *err) {
    size_t n = 0, n_head = 0;
    struct sf_outfile *out = NULL;
    int threads = threads_of(o);
    struct writer w = {.m = m, .o = o, .bound = ZSTD_compressBound(SF_PACKED_FRAME)};
    surefoot_status st = SUREFOOT_E_MEMORY;
    uint64_t at = sizeof magic;
    struct frame *f = cut(m, part, n_part, &n, &n_head);
    if (!f)
        return sf_fail(err, SUREFOOT_E_USAGE, 0,
                       "the parts do not make up the file, or no memory for them");
    size_t n_slot = (size_t)threads * BATCH;
    w.slot = sf_alloc(n_slot * sizeof *w.slot);
    w.room = sf_alloc((size_t)threads * sizeof *w.room);
    if (!w.slot || !w.room) goto done;
    for (size_t i = 0; i < n_slot; i++)
        if (!(w.slot[i].packed = sf_alloc(w.bound))) goto done;
    for (int i = 0; i < threads; i++)
        if (!(w.room[i] = sf_alloc(2 * SF_PACKED_FRAME))) goto done;
    w.n_slot = n_slot;
    if ((st = sf_outfile_open(&out, path, err)) != SUREFOOT_OK) goto done;
    st = sf_outfile_write(out, magic, sizeof magic, err);
    if (st == SUREFOOT_OK) st = write_frames(&w, out, f, n, &at, err);
    if (st == SUREFOOT_OK) st = write_index(out, f, n, n_head, m->size, &at, err);
    if (st == SUREFOOT_OK) {
        st = sf_outfile_commit(out, err);
        out = NULL;
    }
    if (packed) *packed = at;
done:
    if (st == SUREFOOT_E_MEMORY && !out)
        sf_fail(err, st, 0, "no memory to pack with %d threads: give fewer", threads);
    sf_outfile_drop(out);
    for (size_t i = 0; w.slot && i < n_slot; i++) sf_free(w.slot[i].packed);
    for (int i = 0; w.room && i < threads; i++) sf_free(w.room[i]);
    sf_free(w.slot);
    sf_free(w.room);
    sf_free(f);
    return st;
}

/* --------------------------------------------------------------------------------------- reading */

struct index {
    uint64_t size;
    size_t n, n_head;
    struct frame *f;
};

bool sf_packed_is(const struct sf_map *m) {
    return m->size >= sizeof magic && memcmp(m->data, magic, sizeof magic) == 0;
}

static surefoot_status damaged(surefoot_error *err, uint64_t at, const char *what) {
    return sf_fail(err, SUREFOOT_E_FILE, at, "the packed file is damaged at byte %llu: %s",
                   (unsigned long long)at, what);
}

struct footer {
    uint64_t index;
    uint32_t index_bytes, n;
};

static surefoot_status read_footer(struct footer *o, const struct sf_map *m, surefoot_error *err) {
    if (m->size < sizeof magic + FOOTER || memcmp(m->data + m->size - 4, magic, 4) != 0)
        return sf_fail(err, SUREFOOT_E_FILE, m->size,
                       "the packed file ends at byte %zu without its footer: it is cut short",
                       m->size);
    uint64_t end = m->size - FOOTER;
    struct sf_cursor c = {.p = m->data, .size = m->size, .at = (size_t)end};
    o->index = sf_get_u64(&c);
    o->index_bytes = sf_get_u32(&c);
    o->n = sf_get_u32(&c);
    if (o->n == 0 || o->n > SF_PACKED_MAX_FRAMES || o->index > end || o->index < sizeof magic ||
        o->index_bytes != end - o->index)
        return damaged(err, end, "the footer contradicts itself");
    return SUREFOOT_OK;
}

/* x->f must be freed, whatever is returned. */
static surefoot_status read_index(struct index *x, const struct sf_map *m, surefoot_error *err) {
    struct footer o = {0};
    SF_TRY(read_footer(&o, m, err));
    size_t bytes = HEAD + (size_t)o.n * ENTRY;
    unsigned char *raw = sf_alloc(bytes);
    x->n = o.n;
    x->f = sf_alloc(x->n * sizeof *x->f);
    surefoot_status st = SUREFOOT_OK;
    if (!raw || !x->f)
        st = sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory for the index of %zu frames", x->n);
    else if (ZSTD_decompress(raw, bytes, m->data + o.index, o.index_bytes) != bytes)
        st = damaged(err, o.index, "the index does not unpack");
    struct sf_cursor c = {.p = raw, .size = bytes};
    uint64_t at = sizeof magic, from = 0;
    if (st == SUREFOOT_OK) {
        x->size = sf_get_u64(&c);
        x->n_head = (size_t)sf_get_u64(&c);
        if (x->n_head > x->n) st = damaged(err, o.index, "the index contradicts itself");
    }
    for (size_t i = 0; st == SUREFOOT_OK && i < x->n; i++) {
        struct frame *f = &x->f[i];
        f->at = at;
        f->from = from;
        f->bytes = sf_get_u32(&c);
        f->packed = sf_get_u32(&c);
        f->stride = sf_get_u32(&c);
        if (f->bytes == 0 || f->bytes > SF_PACKED_FRAME || f->stride > SF_PACKED_MAX_STRIDE ||
            f->packed > o.index - at)
            st = damaged(err, at, "the index contradicts itself");
        at += f->packed;
        from += f->bytes;
    }
    if (st == SUREFOOT_OK && (at != o.index || from != x->size))
        st = damaged(err, o.index, "the index contradicts the file");
    sf_free(raw);
    return st;
}

surefoot_status sf_packed_size(uint64_t *bytes, const struct sf_map *m, surefoot_error *err) {
    struct index x = {0};
    surefoot_status st = read_index(&x, m, err);
    if (st == SUREFOOT_OK) *bytes = x.size;
    sf_free(x.f);
    return st;
}

struct expander {
    const struct sf_map *m;
    const struct index *x;
    const struct sf_packed_options *o;
    unsigned char *to; /* where the first of them goes */
    size_t first, end; /* frames to unpack             */
    atomic_size_t next;
    atomic_ullong done; /* bytes            */
    atomic_size_t bad;  /* frame + 1        */
    atomic_bool memory, stop;
};

static void expand_body(void *arg, struct sf_member *me) {
    struct expander *e = arg;
    ZSTD_DCtx *z = ZSTD_createDCtx();
    unsigned char *room = sf_alloc(SF_PACKED_FRAME);
    if (!z || !room) {
        atomic_store(&e->memory, true);
        atomic_store(&e->stop, true);
    }
    for (size_t i; !atomic_load(&e->stop) && (i = atomic_fetch_add(&e->next, 1)) < e->end;) {
        const struct frame *f = &e->x->f[i];
        if (!unpack(z, e->to + (f->from - e->x->f[e->first].from), room, f, e->m->data + f->at)) {
            atomic_store(&e->bad, i + 1);
            atomic_store(&e->stop, true);
            break;
        }
        sf_map_release(e->m, f->at, f->packed); /* memory is needed for what came out of it */
        uint64_t done = atomic_fetch_add(&e->done, f->bytes) + f->bytes;
        if (me->id == 0 && e->o->progress &&
            e->o->progress(e->o->user, e->o->what, done, e->x->size) != 0)
            atomic_store(&e->stop, true);
    }
    ZSTD_freeDCtx(z);
    sf_free(room);
}

/* Frames first to end - 1 into to. */
static surefoot_status expand(unsigned char *to, const struct sf_map *m, const struct index *x,
                              size_t first, size_t end, const struct sf_packed_options *o,
                              surefoot_error *err) {
    struct expander e = {.m = m, .x = x, .o = o, .to = to, .first = first, .end = end};
    atomic_store(&e.next, first);
    if (first < x->n) atomic_store(&e.done, x->f[first].from);
    sf_team_run((int)sf_min((size_t)threads_of(o), sf_max(end - first, 1)), expand_body, &e);
    size_t bad = atomic_load(&e.bad);
    if (bad) return damaged(err, x->f[bad - 1].at, "a frame does not unpack to what it should");
    if (atomic_load(&e.memory)) return sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to unpack");
    if (atomic_load(&e.stop)) return sf_fail(err, SUREFOOT_E_ABORTED, 0, "stopped");
    return SUREFOOT_OK;
}

surefoot_status sf_packed_expand(struct sf_map *m, const struct sf_packed_options *o,
                                 surefoot_error *err) {
    struct index x = {0};
    surefoot_status st = read_index(&x, m, err);
    void *to = MAP_FAILED;
    if (st == SUREFOOT_OK && ((o->most && x.size > o->most) || x.size > SIZE_MAX))
        st = sf_fail(err, SUREFOOT_E_MEMORY, 0,
                     "unpacks to %llu MB, %llu MB are available: unpack it to a file first",
                     (unsigned long long)(x.size / 1000000),
                     (unsigned long long)(o->most / 1000000));
    if (st == SUREFOOT_OK) {
        /* Pages that nothing is written to cost nothing: of a head alone, all but the head. */
        to = mmap(NULL, (size_t)x.size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        st = to == MAP_FAILED ? sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to unpack %llu MB",
                                        (unsigned long long)(x.size / 1000000))
                              : expand(to, m, &x, 0, o->head ? x.n_head : x.n, o, err);
    }
    sf_free(x.f);
    if (st != SUREFOOT_OK) {
        if (to != MAP_FAILED) munmap(to, (size_t)x.size);
        return st;
    }
    mprotect(to, (size_t)x.size, PROT_READ);
    sf_map_close(m);
    *m = (struct sf_map){.data = to, .size = (size_t)x.size, .copy = true};
    return SUREFOOT_OK;
}

surefoot_status sf_packed_unpack(const char *path, const struct sf_map *m,
                                 const struct sf_packed_options *o, surefoot_error *err) {
    struct index x = {0};
    struct sf_outfile *out = NULL;
    size_t batch = (size_t)threads_of(o) * BATCH;
    unsigned char *room = sf_alloc(batch * SF_PACKED_FRAME);
    surefoot_status st =
        room ? read_index(&x, m, err)
             : sf_fail(err, SUREFOOT_E_MEMORY, 0, "no memory to unpack with %d threads: give fewer",
                       threads_of(o));
    if (st == SUREFOOT_OK) st = sf_outfile_open(&out, path, err);
    for (size_t i = 0; st == SUREFOOT_OK && i < x.n; i += batch) {
        size_t end = sf_min(i + batch, x.n);
        const struct frame *last = &x.f[end - 1];
        st = expand(room, m, &x, i, end, o, err);
        if (st == SUREFOOT_OK)
            st = sf_outfile_write(out, room, (size_t)(last->from + last->bytes - x.f[i].from), err);
    }
    if (st == SUREFOOT_OK)
        st = sf_outfile_commit(out, err);
    else
        sf_outfile_drop(out);
    sf_free(room);
    sf_free(x.f);
    return st;
}

surefoot_status sf_map_tables(struct sf_map *m, const char *path, surefoot_error *err) {
    SF_TRY(sf_map_open(m, path, err));
    if (!sf_packed_is(m)) return SUREFOOT_OK;
    struct sf_packed_options o = {.head = true, .what = "load"};
    surefoot_status st = sf_packed_expand(m, &o, err);
    if (st != SUREFOOT_OK) sf_map_close(m);
    return st;
}
