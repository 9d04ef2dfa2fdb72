// SPDX-License-Identifier: Apache-2.0
// Numbers and names as people read them. The locale is fixed so that a report does not depend on the machine.

import { meaningOf, type NamedEvent } from "../events/index.ts";
import { memberNoun } from "../events/meaning.ts";
import type { ByCause, ByRoot } from "../record/schema.ts";
import { count, NONE, plural } from "../util/numbers.ts";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
const onePlace = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const digits3 = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

/** 22.1 % of a number that is already in percent. */
export function percent(n: number): string {
  return `${onePlace.format(n)} %`;
}

export function share(part: number, all: number): string {
  return all === 0 ? NONE : percent((100 * part) / all);
}

export function interval(range: readonly [number, number]): string {
  return `${onePlace.format(range[0])} to ${percent(range[1])}`;
}

/** 0.213, 12.3, 1,230: three digits are what a latency is good for. */
export function digits(n: number | null): string {
  if (n === null) return NONE;
  return (Math.abs(n) < 1000 ? digits3 : whole).format(n);
}

export function milliseconds(n: number | null): string {
  return n === null ? NONE : `${digits(n)} ms`;
}

/** 5 s, 5.4 s. */
export function seconds(s: number): string {
  return `${tenths.format(s)} s`;
}

/** 50 s, 20 min, 3.5 h: what somebody will wait. */
export function duration(s: number): string {
  if (s < 120) return seconds(s);
  return s < 7200 ? `${Math.round(s / 60)} min` : `${tenths.format(s / 3600)} h`;
}

/** "vm-001 vm-002 leave"; more than three machines are counted. */
export function eventLabel(event: NamedEvent & { machines: readonly string[] }): string {
  const meaning = meaningOf(event);
  const n = event.machines.length;
  const who = n <= 3 ? event.machines.join(" ") : plural(n, memberNoun(meaning));
  return `${who} ${meaning.words.now[n === 1 ? 0 : 1]}`;
}

/** "wrong target 12, reset 3", most frequent first. */
export function causes(byCause: ByCause | ByRoot): string {
  const found = Object.entries(byCause).filter(([, n]) => n > 0);
  if (found.length === 0) return "none";
  return found
    .sort(([, a], [, b]) => b - a)
    .map(([cause, n]) => `${causeName(cause)} ${count(n)}`)
    .join(", ");
}

/** Adds numbers by cause to a sum. */
export function addUp<K extends string>(sum: Partial<Record<K, number>>, more: Partial<Record<K, number>>): void {
  for (const [cause, n] of Object.entries(more) as [K, number][]) sum[cause] = (sum[cause] ?? 0) + n;
}

/** What ended connections in the first place, and what their clients saw; older summaries know the latter only. */
export function causesAndEnds({ causes: roots, byCause }: { causes?: ByRoot; byCause: ByCause }): string {
  const [why, how] = [roots ? causes(roots) : "none", causes(byCause)];
  if (how === "none") return how;
  return why === "none" ? `ended by ${how}` : `${why}; ended by ${how}`;
}

export function causeName(cause: string): string {
  return cause.replaceAll("_", " ");
}

/** A command line that a POSIX shell reads back as the same words. */
export function shellLine(argv: readonly string[]): string {
  return argv.map(shellWord).join(" ");
}

/** Variables and their values, as a shell takes them before a command. */
export function assignments(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${shellWord(value)}`)
    .join(" ");
}

const shellWord = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
