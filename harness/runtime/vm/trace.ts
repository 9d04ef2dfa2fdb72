const BEGIN = /Kernel panic - not syncing|BUG: |Oops: |general protection fault|kernel BUG at|Unable to handle kernel/;
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
