/* SPDX-License-Identifier: MIT
 * consumer.c - a program of somebody else's: built against the installed library by check_install.sh,
 * as C11 and as C++17. Any use of a missing symbol or header fails there.
 */
#include <stdio.h>
#include <string.h>
#include <surefoot.h>

int main(void) {
    if (strcmp(surefoot_version(), SUREFOOT_VERSION) != 0) {
        printf("the header is %s, the library %s\n", SUREFOOT_VERSION, surefoot_version());
        return 1;
    }
    surefoot_model_options options;
    surefoot_model_options_init(&options);
    surefoot_model *model = NULL;
    surefoot_error error;
    surefoot_status s = surefoot_model_open(&model, "no-such-file.gguf", &options, &error);
    if (s == SUREFOOT_OK || model != NULL || error.code != s || error.text[0] == '\0') return 1;
    printf("libsurefoot %s (%s): %s\n", surefoot_version(), surefoot_compiler(), error.text);
    surefoot_model_close(model);
    return 0;
}
