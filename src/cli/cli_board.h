/* SPDX-License-Identifier: MIT
 * cli_board.h - what a board says of itself: its name, governor, clock, temperature, and whether it
 * slowed itself down. Read from the files that Linux and the Raspberry Pi's firmware offer.
 */
#ifndef SF_CLI_BOARD_H
#define SF_CLI_BOARD_H

#include <stdbool.h>
#include <stddef.h>

/* Bits of `throttled`, as `vcgencmd get_throttled` documents them; 16 higher: since start. */
enum { SF_UNDER_VOLTAGE = 1, SF_CLOCK_CAPPED = 2, SF_THROTTLED = 4, SF_SOFT_LIMIT = 8 };

struct sf_board {
    char name[128];      /* "" unknown                                  */
    char governor[32];   /* "" unknown                                  */
    double clock, most;  /* MHz of CPU 0, now and at most; 0 unknown    */
    double temperature;  /* degrees Celsius; 0 unknown                  */
    long throttled;      /* the bits above; -1 unknown                  */
};

/* root: "" for this machine, or a folder that stands for it (tests). */
void sf_board_read(struct sf_board *b, const char *root);
/* One line on what is wrong now or was since start; false (and "") if nothing is known to be. */
bool sf_board_trouble(const struct sf_board *b, char *line, size_t cap);
/* Did the clock fall between two readings under the same load? Then a measurement in between says
 * more of the cooling than of the program. */
bool sf_board_slowed(const struct sf_board *before, const struct sf_board *after);

#endif
