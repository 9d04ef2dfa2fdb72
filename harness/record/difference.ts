// SPDX-License-Identifier: Apache-2.0
// Whether two records tell the same to the bit, and if not, where they begin to differ: rows first, then events, then the kernel's messages.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { isFields } from "./damage.ts";
import { readRecord, type WholeRecord } from "./read.ts";
import type { Event } from "./schema.ts";

/** What two runs have in common, where they are the same. */
export interface Same {
  rows: number;
  events: number;
  /** Lines of the guest's kernel. */
  messages: number;
}

/** A sentence's end, "row 17, endUs: 5004213 before, 5004219 now", or how much is the same. Throws Damaged. */
export function firstDifference(before: string, now: string): { difference: string } | { same: Same } {
  const [a, b] = [readRecord(before), readRecord(now)];
  const rows = differentRow(a, b);
  const [events, others] = [a.events.map(timeless), b.events.map(timeless)];
  const [messages, said] = [messagesOf(before), messagesOf(now)];
  const difference =
    rows.difference ?? differentItem("event", events, others) ?? differentItem("line of dmesg", messages, said);
  return difference === null
    ? { same: { rows: rows.count, events: events.length, messages: messages.length } }
    : { difference };
}

/** The longer one's rows are seen too. */
function differentRow(before: WholeRecord, now: WholeRecord): { difference: string | null; count: number } {
  const [a, b] = [before.connections[Symbol.iterator](), now.connections[Symbol.iterator]()];
  for (let count = 0; ; count++) {
    const [x, y] = [a.next(), b.next()];
    if (x.done && y.done) return { difference: null, count };
    const difference = differentValue(x.done ? undefined : x.value, y.done ? undefined : y.value);
    if (difference !== null) return { difference: `row ${count + 1}${difference}`, count };
  }
}

function differentItem(name: string, before: readonly unknown[], now: readonly unknown[]): string | null {
  for (let i = 0; i < Math.max(before.length, now.length); i++) {
    const difference = differentValue(before[i], now[i]);
    if (difference === null) continue;
    const kind = before[i] ?? now[i];
    const of = isFields(kind) ? ` (${String(kind.kind)})` : "";
    return `${name} ${i + 1}${of}${difference}`;
  }
  return null;
}

const LONGEST = 60;

/** ", perTarget.vm-001: 3 before, 4 now"; null: equal. */
export function differentValue(before: unknown, now: unknown, where = ""): string | null {
  if (Object.is(before, now)) return null;
  const isOf = (test: (value: unknown) => boolean) => test(before) && test(now);
  if (isOf(Array.isArray) || isOf(isFields)) {
    const [a, b] = [before, now] as Record<string, unknown>[];
    for (const key of new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])) {
      const difference = differentValue(a?.[key], b?.[key], where === "" ? key : `${where}.${key}`);
      if (difference !== null) return difference;
    }
    return null;
  }
  const text = (value: unknown) => (value === undefined ? "nothing" : shortened(JSON.stringify(value)));
  return `${where === "" ? "" : `, ${where}`}: ${text(before)} before, ${text(now)} now`;
}

const shortened = (text: string) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text);

/** Without what is this machine's own time. */
function timeless(event: Event): Event {
  const { hostT: _, ...rest } = event as Event & { hostT?: number };
  return rest as Event;
}

function messagesOf(dir: string): string[] {
  const file = path.join(dir, "logs/dmesg.txt");
  return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
}
