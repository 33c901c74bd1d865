/* SPDX-License-Identifier: MIT */
/*
 * suggest: what could stand in place of the last word of a command line.
 *
 * Candidates go to standard output as they will be asked for, one a line, with a tab and what they
 * mean behind them. One that can be gone on with ends in '=', ':', '/' or ','. A last line may say
 * what else the shell shall offer: ":files", ":folders" or ":commands".
 */
#ifndef TOOLS_SUGGEST_H
#define TOOLS_SUGGEST_H

/* words: those behind "secretctl", the last one so far. Errors mean: no candidates. */
void suggest(int nwords, char *const *words);

#endif
