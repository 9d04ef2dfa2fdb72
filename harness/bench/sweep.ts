// SPDX-License-Identifier: Apache-2.0
// What can be swept, and what a lab is with each number.
import type { Backend } from "../api/backend.ts";
import { MAX_TARGETS } from "../topology/topology.ts";
import { UsageError } from "../util/errors.ts";
import { list } from "../util/numbers.ts";
import { MOST_POINTS } from "./growth.ts";
import { HELD_BY_ONE } from "./hold.ts";
import type { Setting } from "./rounds.ts";

interface Swept {
  /** What is counted, in the plural. */
  noun: string;
  most: number;
  setting(value: number, targets: number): Omit<Setting, "value">;
  /** The targets that a lab needs at least. */
  targets?(most: number): number;
}

const services: Swept = {
  noun: "further services",
  most: 65_535,
  setting: (value, targets) => ({ targets, held: 0, services: value }),
};

export const SWEPT: Readonly<Record<string, Swept>> = {
  targets: { noun: "targets", most: MAX_TARGETS, setting: (value) => ({ targets: value, held: 0, services: 0 }) },
  connections: {
    noun: "live connections",
    most: 1_000_000,
    setting: (value, targets) => ({ targets, held: value, services: 0 }),
    // A server on a target is one process.
    targets: (most) => Math.ceil(most / HELD_BY_ONE),
  },
  services,
  rules: services,
};

/** Settings of a lab, by a sweep. `targets` is null where they follow from what is swept. Throws UsageError. */
export function settingsOf(
  { parameter, values }: { parameter: string; values: readonly number[] },
  targets: { given: number | undefined; usual: number },
): { settings: Setting[]; targets: number | null } {
  const swept = SWEPT[parameter];
  const refuse = (why: string): never => {
    throw new UsageError(`Invalid value '${parameter}=${values.join(",")}' for --sweep: ${why}`);
  };
  if (!swept) return refuse(`what can be swept is ${list(Object.keys(SWEPT).sort())}.`);
  if (values.length > MOST_POINTS) refuse(`at most ${MOST_POINTS} numbers.`);
  const wrong = values.find((value) => !Number.isInteger(value) || value > swept.most);
  if (wrong !== undefined) refuse(`${swept.noun} are whole numbers up to ${swept.most}, and ${wrong} is none.`);
  if (parameter === "targets" && targets.given !== undefined) refuse("--targets says another number of targets.");
  const needed = Math.max(targets.usual, swept.targets?.(Math.max(...values)) ?? 0);
  const settings = values.map((value) => ({ value, ...swept.setting(value, targets.given ?? needed) }));
  return { settings, targets: parameter === "targets" ? null : (targets.given ?? needed) };
}

/** Why a backend has no part in a sweep; null: it has one. */
export function outOfSweep({ name, service }: Backend, settings: readonly Setting[]): string | null {
  if (service !== undefined || settings.every(({ services: n }) => n === 0)) return null;
  return `${name}: it is set up with the VIP's service only, so there is no number of services to sweep.`;
}
