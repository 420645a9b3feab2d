/*
 * What the files of cli.h share.  Only cmd/cli*.c may include this.
 */
#ifndef CMD_CLI_INTERNAL_H
#define CMD_CLI_INTERNAL_H

#include "cmd/cli.h"

#ifndef VT_VERSION
#define VT_VERSION "unknown"
#endif

/* What the program was called as. */
const char *cli_program(void);

/* cli_progress.c: round what is written to stderr.  The line is erased, and
 * nobody else writes until it is over. */
void cli_step_aside(void);
void cli_step_back(void);

#endif
