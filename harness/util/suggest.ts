// SPDX-License-Identifier: Apache-2.0
import { distance } from "fastest-levenshtein";

const FARTHEST = 3;
const MOST = 3;

/**
 * The known names that were probably meant, the most likely first: those that begin so, else the nearest within an edit distance of 3, or
 * of half its letters, else the longest that it begins with and is more than.
 */
export function nearest(name: string, known: readonly string[]): string[] {
  const unique = [...new Set(known)].sort();
  const wanted = name.toLowerCase();
  const beginning = wanted === "" ? [] : unique.filter((other) => other.toLowerCase().startsWith(wanted));
  if (beginning.length > 0) return beginning.slice(0, MOST);
  const close = unique
    .map((other) => ({ other, edits: distance(wanted, other.toLowerCase()) }))
    .filter(({ edits }) => edits <= Math.min(FARTHEST, Math.ceil(wanted.replace(/^-+/, "").length / 2)))
    .sort((a, b) => a.edits - b.edits);
  const more = unique.filter((other) => /^[^a-z0-9]/.test(wanted.slice(other.length)) && wanted.startsWith(other));
  if (close.length === 0) return more.sort((a, b) => b.length - a.length).slice(0, 1);
  return close
    .filter(({ edits }) => edits === close[0]?.edits)
    .slice(0, MOST)
    .map(({ other }) => other);
}

/** " Did you mean 'a' or 'b'?", or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const names = nearest(name, known).map((other) => `'${other}'`);
  const [first, ...more] = names.slice(0, -1);
  if (first === undefined) return names.length === 0 ? "" : ` Did you mean ${names[0]}?`;
  return ` Did you mean ${[first, ...more].join(", ")} or ${names.at(-1)}?`;
}
