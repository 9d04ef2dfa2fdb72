// SPDX-License-Identifier: Apache-2.0
const BEGIN = /Kernel panic - not syncing|BUG: |Oops: |general protection fault|kernel BUG at|Unable to handle kernel/;
/** What a kernel survives, but should not have met. */
const ODD =
  /WARNING: |INFO: task .* blocked|detected stalls?|soft lockup|[Oo]ut of memory|invoked oom-killer|Call Trace/;
const MOST_LINES = 60;

/** What the kernel said on its console when it went down, from the first line that tells; null when it did not. */
export function findTrace(console: string): string | null {
  const lines = console.split(/\r?\n/);
  const first = lines.findIndex((line) => BEGIN.test(line));
  return first < 0
    ? null
    : lines
        .slice(first, first + MOST_LINES)
        .join("\n")
        .trimEnd();
}

/** Whether the kernel's messages tell of something that a guest with further work should not have behind it. */
export function isOdd(messages: string): boolean {
  return BEGIN.test(messages) || ODD.test(messages);
}
