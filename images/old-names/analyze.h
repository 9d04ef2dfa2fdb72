// SPDX-License-Identifier: Apache-2.0
#ifndef OLD_NAMES_ANALYZE_H
#define OLD_NAMES_ANALYZE_H

/* ctraffic's analyses of a file of statistics, line by line as it prints them, and as harness/traffic/ctraffic-lines.ts
 * does: a test compares the two. Returns the exit code; exits with a sentence where the file does not hold what is asked for. */
int analyze(const char *analysis, const char *file);

#endif
