/* SPDX-License-Identifier: MIT
 * cmd_doctor.c - what this machine is to a language model: CPU, kernel levels, cores, memory and
 * how fast it can be read, and which models that makes room for.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli.h"
#include "cli_board.h"

struct machine {
    char cpu[128], system[256];
    long online, page;
    int threads;
    uint64_t total, available; /* bytes, 0 unknown */
    double bandwidth;          /* bytes per second, 0 not measured */
    struct sf_board board;
};

/* Value of "key : value" in a /proc file, first line that has it. */
static bool proc_value(const char *path, const char *key, char *out, size_t cap) {
    char line[512];
    bool found = false;
    FILE *f = fopen(path, "r");
    while (f && !found && fgets(line, sizeof line, f)) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) || !strchr(" \t:", line[n])) continue;
        const char *value = line + n + strspn(line + n, " \t:");
        snprintf(out, cap, "%.*s", (int)strcspn(value, "\n"), value);
        found = true;
    }
    if (f) fclose(f);
    return found;
}

static uint64_t meminfo(const char *key) {
    char text[64];
    unsigned long long kb = 0;
    if (!proc_value("/proc/meminfo", key, text, sizeof text) || sscanf(text, "%llu", &kb) != 1)
        return 0;
    return kb * 1024;
}

/* The least of a cgroup's limit and what the system says, as containers see it. */
static uint64_t cgroup_limit(void) {
    unsigned long long v = 0;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "r");
    if (f && fscanf(f, "%llu", &v) != 1) v = 0;
    if (f) fclose(f);
    return v;
}

static void look(const struct sf_cli *c, struct machine *m) {
    struct utsname u;
    if (!proc_value("/proc/cpuinfo", "model name", m->cpu, sizeof m->cpu) &&
        !proc_value("/proc/cpuinfo", "Model", m->cpu, sizeof m->cpu))
        snprintf(m->cpu, sizeof m->cpu, "unknown");
    if (!uname(&u))
        snprintf(m->system, sizeof m->system, "%.64s %.100s %.64s", u.sysname, u.release,
                 u.machine);
    m->online = sysconf(_SC_NPROCESSORS_ONLN);
    m->page = sysconf(_SC_PAGESIZE);
    m->threads = surefoot_default_threads();
    m->total = meminfo("MemTotal");
    m->available = meminfo("MemAvailable");
    uint64_t limit = cgroup_limit();
    if (limit && limit < m->total) m->total = limit;
    if (limit && limit < m->available) m->available = limit;
    sf_board_read(&m->board, "");
    sf_cli_say(c, "measuring memory bandwidth");
    m->bandwidth = sf_cli_bandwidth(m->threads);
}

/* Sizes of common models: weights in billions, KV bytes per token at f16. */
static const struct {
    const char *name;
    double params, kv;
} sizes[] = {{"0.5B", 0.49, 12288}, {"1B", 1.24, 32768},  {"1.7B", 1.72, 114688},
             {"3B", 3.21, 114688},  {"8B", 8.03, 131072}, {"14B", 14.8, 196608},
             {"32B", 32.8, 262144}};
static const struct {
    const char *name;
    double bits; /* per weight */
} types[] = {{"Q4_0", 4.55}, {"Q8_0", 8.5}};

static double need(size_t size, size_t type, double ctx) {
    return sizes[size].params * 1e9 * types[type].bits / 8 + sizes[size].kv * ctx + 200e6;
}

static void put_board(const struct sf_board *b) {
    char line[256];
    if (b->name[0]) sf_outf("board         %s\n", b->name);
    if (b->governor[0] || b->clock > 0) {
        sf_outf("clock         %.0f MHz", b->clock);
        if (b->most > 0) sf_outf(" of %.0f", b->most);
        if (b->governor[0]) sf_outf(", governor %s", b->governor);
        sf_out_str("\n");
    }
    if (b->temperature > 0) sf_outf("temperature   %.1f C\n", b->temperature);
    if (sf_board_trouble(b, line, sizeof line))
        sf_outf("power, heat   %s\n", line);
    else if (!b->throttled)
        sf_out_str("power, heat   not throttled since start\n");
}

static void put_text(const struct sf_cli *c, const struct machine *m) {
    char a[32], b[32];
    sf_outf("surefoot      %s, %s\ncpu           %s\nsystem        %s\n", surefoot_version(),
            surefoot_compiler(), m->cpu, m->system);
    sf_out_str("kernel levels ");
    for (int i = 0; surefoot_isa_name(i); i++)
        sf_outf("%s%s%s", i ? ", " : "", surefoot_isa_name(i),
                surefoot_isa_usable(i) == 1 ? "" : " (not on this CPU)");
    sf_outf("; used: %s\n", c->isa ? c->isa : surefoot_isa_best());
    sf_outf("cores         %ld online, %d threads by default\n", m->online, m->threads);
    put_board(&m->board);
    sf_outf("page size     %ld bytes\n", m->page);
    sf_outf("memory        %s, %s available\n", sf_cli_bytes(a, (double)m->total),
            sf_cli_bytes(b, (double)m->available));
    if (m->bandwidth > 0)
        sf_outf("read speed    %.1f GB/s with %d threads\n", m->bandwidth * 1e-9, m->threads);
    sf_out_str(
        "\nWhat fits, with a context of 4096 tokens (and at most so many tokens/s, which the "
        "read speed allows)\n  model");
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) sf_outf("  %-22s", types[t].name);
    sf_out_str("\n");
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        sf_outf("  %-5s", sizes[s].name);
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            char cell[64];
            double bytes = need(s, t, 4096), per_token = sizes[s].params * 1e9 * types[t].bits / 8;
            bool fits = bytes <= (double)m->available;
            int n =
                snprintf(cell, sizeof cell, "%s %s", fits ? "yes" : "no ", sf_cli_bytes(a, bytes));
            if (fits && m->bandwidth > 0)
                snprintf(cell + n, sizeof cell - (size_t)n, " (%.1f)", m->bandwidth / per_token);
            sf_outf("  %-22s", cell);
        }
        sf_out_str("\n");
    }
}

/* A number, or null where it is not known (0). */
static void put_real(double v, const char *fmt) {
    char out[64] = "null";
    if (v > 0) snprintf(out, sizeof out, fmt, v);
    sf_out_str(out);
}

static void put_json(const struct sf_cli *c, const struct machine *m) {
    sf_outf("{\"version\":\"%s\",\"compiler\":", surefoot_version());
    sf_out_json_str(surefoot_compiler(), strlen(surefoot_compiler()));
    sf_out_str(",\"cpu\":");
    sf_out_json_str(m->cpu, strlen(m->cpu));
    sf_out_str(",\"system\":");
    sf_out_json_str(m->system, strlen(m->system));
    sf_out_str(",\"levels\":[");
    for (int i = 0; surefoot_isa_name(i); i++)
        sf_outf("%s{\"name\":\"%s\",\"usable\":%s}", i ? "," : "", surefoot_isa_name(i),
                surefoot_isa_usable(i) == 1 ? "true" : "false");
    sf_outf("],\"level\":\"%s\",\"cores\":%ld,\"threads\":%d,\"page_bytes\":%ld,"
            "\"memory_bytes\":%" PRIu64 ",\"available_bytes\":%" PRIu64
            ",\"read_bytes_per_second\":",
            c->isa ? c->isa : surefoot_isa_best(), m->online, m->threads, m->page, m->total,
            m->available);
    put_real(m->bandwidth, "%.0f");
    sf_out_str(",\"board\":");
    sf_out_json_str(m->board.name, strlen(m->board.name));
    sf_out_str(",\"governor\":");
    sf_out_json_str(m->board.governor, strlen(m->board.governor));
    sf_out_str(",\"clock_mhz\":");
    put_real(m->board.clock, "%.0f");
    sf_out_str(",\"clock_max_mhz\":");
    put_real(m->board.most, "%.0f");
    sf_out_str(",\"temperature_c\":");
    put_real(m->board.temperature, "%.1f");
    if (m->board.throttled >= 0)
        sf_outf(",\"throttled\":%ld", m->board.throttled);
    else
        sf_out_str(",\"throttled\":null");
    sf_out_str(",\"models\":[");
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
            sf_outf("%s{\"size\":\"%s\",\"type\":\"%s\",\"n_ctx\":4096,\"bytes\":%.0f,\"fits\":%s}",
                    s || t ? "," : "", sizes[s].name, types[t].name, need(s, t, 4096),
                    need(s, t, 4096) <= (double)m->available ? "true" : "false");
    sf_out_str("]}\n");
}

int sf_cmd_doctor(struct sf_cli *c) {
    struct machine m = {0};
    look(c, &m);
    if (sf_cli_interrupted()) return 130;
    if (c->json)
        put_json(c, &m);
    else
        put_text(c, &m);
    return 0;
}
