/* SPDX-License-Identifier: MIT
 * cli_builtin.c - the files the command carries inside itself: the demonstration model and its
 * policy. CMake says which (SUREFOOT_BUILTIN_MODEL); docs/model.md says what they are.
 */
#include <stddef.h>
#include <string.h>

#include "cli.h"

#ifdef SF_BUILTIN_DIR
/* A file as it is, 64 bytes aligned, between two labels. */
#define EMBED(label, file)                                                                         \
    __asm__(".pushsection .rodata\n"                                                               \
            ".balign 64\n"                                                                         \
            ".hidden " #label "\n.globl " #label "\n" #label ":\n"                                 \
            ".incbin \"" SF_BUILTIN_DIR "/" file "\"\n"                                            \
            ".hidden " #label "_end\n.globl " #label "_end\n" #label "_end:\n"                     \
            ".byte 0\n"                                                                            \
            ".popsection\n");                                                                      \
    extern const unsigned char label[] __attribute__((visibility("hidden")));                      \
    extern const unsigned char label##_end[] __attribute__((visibility("hidden")))

EMBED(sf_builtin_gguf, "household.gguf");
EMBED(sf_builtin_ini, "household.ini");
EMBED(sf_builtin_lexicon, "household.lexicon");
EMBED(sf_general_ini, "general.ini");
EMBED(sf_general_lexicon, "general.lexicon");
EMBED(sf_general_ngram, "general.ngram");
EMBED(sf_general_measured, "general.measured");

#define FILE_OF(name, label)                                                                       \
    { name, label, (size_t)(label##_end - label) }

bool sf_builtin_model(surefoot_file *file) {
    *file = (surefoot_file)FILE_OF("household.gguf", sf_builtin_gguf);
    return true;
}

#ifdef SF_BUILTIN_CRITIC
EMBED(sf_builtin_critic_gguf, "household.critic");
#endif
bool sf_builtin_critic(surefoot_file *file) {
#ifdef SF_BUILTIN_CRITIC
    *file = (surefoot_file)FILE_OF("household.critic", sf_builtin_critic_gguf);
    return true;
#else
    *file = (surefoot_file){0};
    return false;
#endif
}

size_t sf_builtin_policy(const char *name, surefoot_file file[SF_BUILTIN_FILES]) {
    if (strcmp(name, SF_GENERAL_POLICY) == 0) {
        file[0] = (surefoot_file)FILE_OF(SF_GENERAL_POLICY, sf_general_ini);
        file[1] = (surefoot_file)FILE_OF("general.lexicon", sf_general_lexicon);
        file[2] = (surefoot_file)FILE_OF("general.ngram", sf_general_ngram);
        file[3] = (surefoot_file)FILE_OF("general.measured", sf_general_measured);
        return 4;
    }
    if (strcmp(name, SF_BUILTIN_POLICY) != 0) return 0;
    file[0] = (surefoot_file)FILE_OF(SF_BUILTIN_POLICY, sf_builtin_ini);
    file[1] = (surefoot_file)FILE_OF("household.lexicon", sf_builtin_lexicon);
    return 2;
}

#else
bool sf_builtin_critic(surefoot_file *file) {
    *file = (surefoot_file){0};
    return false;
}

bool sf_builtin_model(surefoot_file *file) {
    *file = (surefoot_file){0};
    return false;
}

size_t sf_builtin_policy(const char *name, surefoot_file file[SF_BUILTIN_FILES]) {
    (void)name;
    (void)file;
    return 0;
}
#endif

bool sf_cli_builtin(struct sf_cli *c) {
    surefoot_file file;
    if (c->model || !sf_builtin_model(&file)) return false;
    c->model = SF_BUILTIN_MODEL;
    c->builtin = true;
    if (!c->guard) c->guard = SF_BUILTIN_POLICY;
    return true;
}
