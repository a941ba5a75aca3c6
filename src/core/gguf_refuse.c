/* SPDX-License-Identifier: MIT
 * gguf_refuse.c - what a file is that is no GGUF: a message the user can act on.
 */
#include <string.h>

#include "gguf_parts.h"

struct sign {
    const char *bytes;
    size_t n;
    const char *what; /* what the file is, and what to do */
};

/* clang-format off */
static const struct sign signs[] = {
    {"version https://git-lfs", 23,
     "a Git LFS pointer, not the model: run `git lfs pull`, or download the file itself"},
    {"PK\x03\x04", 4, "a zip archive (a PyTorch checkpoint?): convert the model to GGUF"},
    {"\x80\x02", 2, "a Python pickle (a PyTorch checkpoint?): convert the model to GGUF"},
    {"\x80\x03", 2, "a Python pickle (a PyTorch checkpoint?): convert the model to GGUF"},
    {"\x80\x04", 2, "a Python pickle (a PyTorch checkpoint?): convert the model to GGUF"},
    {"\x80\x05", 2, "a Python pickle (a PyTorch checkpoint?): convert the model to GGUF"},
    {"lmgg", 4, "an old ggml model (before GGUF): get a GGUF of it"},
    {"fmgg", 4, "an old ggmf model (before GGUF): get a GGUF of it"},
    {"tjgg", 4, "an old ggjt model (before GGUF): get a GGUF of it"},
    {"algg", 4, "an old ggla adapter (before GGUF): get a GGUF of it"},
    {"nsgg", 4, "a saved session of another program, not a model"},
    {"FUGG", 4, "a GGUF file with reversed byte order: convert it to little-endian"},
    {"\x28\xB5\x2F\xFD", 4, "compressed with zstd: unpack it first"},
    {"\x1F\x8B", 2, "compressed with gzip: unpack it first"},
    {"\xFD" "7zXZ", 5, "compressed with xz: unpack it first"},
    {"\x7F" "ELF", 4, "a program, not a model"},
    {"\x89HDF", 4, "an HDF5 file (a Keras checkpoint?): convert the model to GGUF"},
};
/* clang-format on */

static bool starts_with(const unsigned char *p, size_t n, const char *word) {
    size_t len = strlen(word);
    if (n < len) return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = p[i] >= 'A' && p[i] <= 'Z' ? (unsigned char)(p[i] + 32) : p[i];
        if (c != (unsigned char)word[i]) return false;
    }
    return true;
}

/* A page or an error text that a server sent in place of the file. */
static const char *text_kind(const unsigned char *p, size_t n) {
    static const char *const html[] = {"<!doctype", "<html", "<head", "<?xml", "<body", "<!--"};
    if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0) p += 3, n -= 3;
    for (int i = 0; n && i < 256 && (*p == ' ' || (*p >= 9 && *p <= 13)); i++) p++, n--;
    for (size_t i = 0; i < SF_COUNT(html); i++)
        if (starts_with(p, n, html[i]))
            return "a web page, not a model: download the file behind it (the \"raw\" or "
                   "\"resolve\" "
                   "link; it may ask for a login)";
    if (n && (*p == '{' || *p == '['))
        return "JSON text, not a model: a server's answer or a configuration file";
    return NULL;
}

/* An 8-byte little-endian length of a JSON header, then the header. */
static bool is_safetensors(const unsigned char *p, size_t n) {
    if (n < 10 || p[8] != '{' || (p[9] != '"' && p[9] != '}')) return false;
    uint64_t len = 0;
    for (int i = 7; i >= 0; i--) len = len << 8 | p[i];
    return len >= 2 && len <= 100000000;
}

surefoot_status sf_gguf_refuse(const unsigned char *data, size_t size, surefoot_error *err) {
    if (size == 0) return sf_fail(err, SUREFOOT_E_FILE, 0, "the file is empty: download it again");
    const char *what = NULL;
    for (size_t i = 0; i < SF_COUNT(signs) && !what; i++)
        if (size >= signs[i].n && memcmp(data, signs[i].bytes, signs[i].n) == 0)
            what = signs[i].what;
    if (!what && is_safetensors(data, size)) what = "a safetensors file: convert the model to GGUF";
    if (!what) what = text_kind(data, size);
    if (what) return sf_fail(err, SUREFOOT_E_FILE, 0, "not a GGUF file: it is %s", what);
    if (size < 4)
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "not a GGUF file: it has only %zu bytes; download it again", size);
    if (!data[0] && !data[1] && !data[2] && !data[3])
        return sf_fail(err, SUREFOOT_E_FILE, 0,
                       "not a GGUF file: it begins with zeros, as a download that did not finish; "
                       "download it again");
    return sf_fail(err, SUREFOOT_E_FILE, 0,
                   "not a GGUF file: it begins with %02x %02x %02x %02x instead of 'GGUF'", data[0],
                   data[1], data[2], data[3]);
}
