/* SPDX-License-Identifier: MIT */
/*
 * relay: a program below this one, whose output is passed on with values hidden in it.
 *
 * Its standard output and its standard error are each a stream of their own: a pipe, or a terminal
 * where ours is one, so that programs show what they would show a person. Its standard input and
 * its controlling terminal are ours. The order between the two streams is kept only roughly.
 */
#ifndef TOOLS_RELAY_H
#define TOOLS_RELAY_H

#include "mask.h"
#include "why.h"

/*
 * Runs the program until it has ended and nobody can write to its output any more. Returns its exit
 * code, or one of child.h's if it cannot be run; ends by the signal that ended it. -errno: it was
 * not started, or its output could not be written.
 */
int relay_run(char **argv, char **env, const struct mask_words *words, struct why *why);

#endif
