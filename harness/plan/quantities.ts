// SPDX-License-Identifier: Apache-2.0
// How numbers, times, lengths and shares are written, everywhere: 20, 10k, 1e5; 20, 20s, 500ms; 85, 85mm; 5%, 5 %.

const NUMBER = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`;
const FACTORS: Readonly<Record<string, number>> = { "": 1, k: 1e3, K: 1e3, M: 1e6, G: 1e9 };
const SECONDS: Readonly<Record<string, number>> = { "": 1, us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86_400 };

function split(value: unknown, units: Readonly<Record<string, number>>): { number: number; unit: string } | null {
  if (typeof value === "number") return { number: value, unit: "" };
  const [, number, unit = ""] = String(value).match(new RegExp(String.raw`^\s*(${NUMBER})\s*([a-z%]*)\s*$`, "i")) ?? [];
  return number !== undefined && Object.hasOwn(units, unit) ? { number: Number(number), unit } : null;
}

/** A times the unit's factor, without the digits that binary fractions add: 1.1k is 1100. */
function scaled(value: unknown, units: Readonly<Record<string, number>>): number {
  const parts = split(value, units);
  return parts === null ? Number.NaN : Number((parts.number * (units[parts.unit] ?? 1)).toPrecision(15));
}

/** NaN: no number. */
export const readNumber = (value: unknown): number => scaled(value, FACTORS);

/** Seconds; a number alone is seconds. NaN: no time. */
export const readSeconds = (value: unknown): number => scaled(value, SECONDS);

/** Millimetres; a number alone is millimetres. NaN: no length. */
export const readMillimetres = (value: unknown): number => scaled(value, { "": 1, mm: 1, cm: 10 });

/** As tc(8) takes it, "1.5%"; null: no percentage from 0 to 100. */
export function readPercent(value: unknown): string | null {
  const parts = typeof value === "string" ? split(value, { "%": 1 }) : null;
  return parts && parts.number >= 0 && parts.number <= 100 ? `${parts.number}%` : null;
}

/** As tc(8) takes it, "1.5ms"; null: no time from 0 to an hour with a unit. */
export function readDelay(value: unknown): string | null {
  const parts = typeof value === "string" ? split(value, { us: 1, ms: 1, s: 1 }) : null;
  const seconds = parts ? parts.number * (SECONDS[parts.unit] ?? 1) : -1;
  return parts && seconds >= 0 && seconds <= 3600 ? `${parts.number}${parts.unit}` : null;
}

/** "50.0.3.7:4711", "[2000::7]:4711"; null: none. The address is not checked. */
export function readEndpoint(value: unknown): { address: string; port: number } | null {
  const [, address, port] = /^\[?([0-9a-f.:]+?)\]?:(\d{1,5})$/i.exec(String(value).trim()) ?? [];
  return address === undefined ? null : { address, port: Number(port) };
}

/** "1, 2 3", 1 or [1, 2]: the parts. */
export function readList(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return typeof value === "string" ? value.split(/[\s,]+/).filter((part) => part !== "") : [value];
}
