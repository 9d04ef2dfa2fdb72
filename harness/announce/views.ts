// SPDX-License-Identifier: Apache-2.0
// Whom each machine uses by now of those that may die, as it found out itself, and who waits for that.
import { LabError } from "../runtime/runtime.ts";
import type { Clock } from "../util/clock.ts";

interface View {
  members: ReadonlySet<number>;
  /** Monotonic ns since which it is so. */
  t: number;
}

export class Views {
  readonly #clock: Clock;
  readonly #all: readonly string[];
  readonly #of = new Map<string, View>();
  readonly #onFalseAlarm: (sentence: string) => void;
  #expected: ReadonlySet<number> | null = null;
  #onChange: () => void = () => {};

  /** `all` are those that may die, by name. `onFalseAlarm` is told of a machine that uses others although none died: a sentence. */
  constructor(clock: Clock, all: readonly string[], onFalseAlarm: (sentence: string) => void) {
    this.#clock = clock;
    this.#all = all;
    this.#onFalseAlarm = onFalseAlarm;
  }

  /** From now on these are to be used, and whoever does so has no reason to use others. */
  expect(members: readonly number[]): void {
    this.#expected = new Set(members);
  }

  /** The machine uses these, indices, from then on. */
  set(machine: string, members: Iterable<number>, t: number): void {
    const next = new Set(members);
    const now = this.#of.get(machine);
    if (now && same(now.members, next)) return;
    this.#of.set(machine, { members: next, t });
    if (now && this.#expected && same(now.members, this.#expected))
      this.#onFalseAlarm(
        `${machine} uses ${this.#names(next)} instead of ${this.#names(now.members)}, and none had died`,
      );
    this.#onChange();
  }

  get(machine: string): ReadonlySet<number> {
    return this.#of.get(machine)?.members ?? new Set();
  }

  /** Resolves when all of these machines use exactly these, with since when each does. Throws LabError after so long. */
  async until(machines: readonly string[], members: readonly number[], withinMs: number): Promise<Map<string, number>> {
    const wanted = new Set(members);
    this.expect(members);
    const late = () => machines.filter((name) => !same(this.get(name), wanted));
    const changed = new Promise<void>((resolve) => {
      this.#onChange = () => {
        if (late().length === 0) resolve();
      };
      this.#onChange();
    });
    await this.#clock.within(changed, withinMs, () => {
      const who = late().slice(0, 3).join(", ");
      return new LabError(`${who} did not come to use ${this.#names(wanted)} within ${withinMs / 1000} s.`);
    });
    this.#onChange = () => {};
    return new Map(machines.map((name) => [name, this.#of.get(name)?.t ?? 0]));
  }

  #names(members: ReadonlySet<number>): string {
    const names = this.#all.filter((_, i) => members.has(i));
    return names.length > 0 ? names.join(" and ") : "nobody";
  }
}

const same = (one: ReadonlySet<number>, other: ReadonlySet<number>) =>
  one.size === other.size && [...one].every((router) => other.has(router));
