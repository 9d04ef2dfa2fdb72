// SPDX-License-Identifier: Apache-2.0
// Numbers in sentences. The locale is fixed so that a text does not depend on the machine.

export const NONE = "n/a";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });

/** 2,213; expectations below 100 keep one decimal. */
export function count(n: number | null): string {
  if (n === null) return NONE;
  return (Math.abs(n) < 100 ? tenths : whole).format(n);
}

/** "1 target", "10 targets"; `many` where the plural is irregular. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** The verb after a number: "1 connection was", "2 connections were". */
export function was(n: number): "was" | "were" {
  return n === 1 ? "was" : "were";
}

/** The verb after a number: "1 packet is", "2 packets are". */
export function is(n: number): "is" | "are" {
  return n === 1 ? "is" : "are";
}

/** "a", "a and b", "a, b and c". */
export function list(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
