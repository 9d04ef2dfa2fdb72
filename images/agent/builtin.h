// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_BUILTIN_H
#define AGENT_BUILTIN_H

/* Programs that need no file system of their own, so that any image will do. They run in a forked child, in
 * the machine:
 *   @read FILE..        files to stdout, each after a line "==> FILE <==" when there are several
 *   @write FILE [MODE]  stdin to the file (made with octal MODE, 644)
 *   @sysctl             lines "net/ipv4/ip_forward=1" on stdin; "?" before the name: skipped where the kernel
 *                       lacks it
 *   @unix SOCKET [NULS] stdin to the stream socket, then what it answers to stdout; the socket hears that no
 *                       more comes at once, or after its answer has had so many NULs
 *   @nexthop-group      lines "add|replace ID MEMBER,WEIGHT/.. [BUCKETS IDLE UNBALANCED]" on stdin: groups of
 *                       next hops, resilient ones with buckets and times in seconds
 *   @conntrack-forget ADDRESS..  deletes the connections that these addresses answer
 *
 * Returns the exit code.
 */
int builtin_run(char *const argv[]);

#endif
