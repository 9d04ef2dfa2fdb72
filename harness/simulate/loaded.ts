// SPDX-License-Identifier: Apache-2.0
// Connections whose targets hang on how many each has: one after the other, in the order in which they come and go.
import TinyQueue from "tinyqueue";
import type { Course } from "../oracle/course.ts";
import type { Loads } from "../oracle/strategies/define.ts";
import { chooserByLoad } from "../oracle/strategies/registry.ts";
import type { Load } from "../traffic/streams.ts";
import { NO_TARGET } from "./fates.ts";
import type { FlowDrawer } from "./flows.ts";
import type { Life } from "./lives.ts";
import { BACKOFF_US, intervalUsOf, rampUsOf } from "./rows.ts";

interface Loaded {
  spec: { strategy: string };
  course: Course;
  drawers: readonly FlowDrawer[];
  load: Load;
  /** When the events come; microseconds. */
  atUs: readonly number[];
}

type Kept = Omit<Life, "id">;

interface Connection extends Kept {
  drawer: FlowDrawer;
  id: number;
  startUs: number;
  /** By its plan; endless: it lasts. */
  endUs: number;
}

/** What comes next: a change first, then who goes, then who comes. */
interface Due {
  us: number;
  order: number;
  run: () => void;
}

/** Lives of all connections by drawer and number, each in the order of its generations. */
export function loadedLives(given: Loaded): ReadonlyMap<FlowDrawer, readonly (readonly Kept[])[]> {
  const world = new LoadedWorld(given);
  world.run();
  return world.lives;
}

class LoadedWorld {
  readonly lives = new Map<FlowDrawer, Kept[][]>();
  readonly #given: Loaded;
  readonly #choose: NonNullable<ReturnType<typeof chooserByLoad>>;
  readonly #has = new Map<number, Set<Connection>>();
  readonly #loads: Loads = { of: (target) => this.#has.get(target)?.size ?? 0, all: 0 };
  readonly #due = new TinyQueue<Due>([], (a, b) => a.us - b.us || a.order - b.order);
  #span = 0;

  constructor(given: Loaded) {
    this.#given = given;
    const choose = chooserByLoad(given.spec);
    if (!choose) throw new Error(`'${given.spec.strategy}' does not choose by load.`);
    this.#choose = choose;
    for (const [i, us] of given.atUs.entries()) this.#due.push({ us, order: 0, run: () => this.#change(i) });
    for (const drawer of given.drawers) {
      this.lives.set(drawer, []);
      const { connections, part, plan } = drawer.stream;
      for (let id = part.number - 1; id < connections; id += part.of) {
        const us = plan?.startUs[id] ?? rampUsOf(drawer, given.load, id);
        this.#due.push({ us, order: 2, run: () => this.#open({ drawer, id, generation: 0 }, us) });
      }
    }
  }

  run(): void {
    const endUs = this.#given.load.durationS * 1e6;
    for (let due = this.#due.pop(); due && due.us < endUs; due = this.#due.pop()) due.run();
  }

  #open({ drawer, id, generation }: Pick<Connection, "drawer" | "id" | "generation">, us: number): void {
    const { atUs } = this.#given;
    const target = this.#chosen(drawer.draw(id, generation));
    const endUs = drawer.stream.plan?.endUs[id] ?? Number.POSITIVE_INFINITY;
    const leaves = atUs.length;
    const span = this.#span;
    const one = { drawer, id, generation, startUs: us, endUs, target, span, lostAt: leaves, leaves, next: target };
    const all = this.lives.get(drawer) as Kept[][];
    const own = all[id] ?? [];
    all[id] = own;
    own.push(one);
    if (target === NO_TARGET) return;
    const those = this.#has.get(target) ?? new Set();
    this.#has.set(target, those.add(one));
    this.#loads.all++;
    if (Number.isFinite(endUs)) this.#due.push({ us: endUs, order: 1, run: () => this.#close(one) });
  }

  #close(one: Connection): void {
    if (!this.#forget(one)) return;
    one.leaves = this.#span;
  }

  #forget(one: Connection): boolean {
    const isLive = this.#has.get(one.target)?.delete(one) ?? false;
    if (isLive) this.#loads.all--;
    return isLive;
  }

  /** Who is on a target that leaves is lost, and notices it at its next message. */
  #change(i: number): void {
    const { course, atUs, load } = this.#given;
    this.#span = i + 1;
    const active = course.spans[i + 1]?.active ?? new Set();
    for (const [target, those] of this.#has) {
      if (active.has(target)) continue;
      for (const one of those) {
        this.#forget(one);
        one.lostAt = i;
        one.leaves = i + 1;
        const interval = intervalUsOf(one.drawer, load);
        const late = Math.ceil(((atUs[i] as number) - one.startUs) / interval) * interval;
        const us = Math.min(one.startUs + late, one.endUs);
        this.#due.push({ us, order: 2, run: () => this.#notice(one, us) });
      }
    }
  }

  #notice(one: Connection, us: number): void {
    const { drawer, id, generation } = one;
    one.next = this.#chosen(drawer.draw(id, generation));
    // What comes and goes by a plan is not opened again.
    if (drawer.stream.plan) return;
    const again = { drawer, id, generation: generation + 1 };
    this.#due.push({ us: us + BACKOFF_US, order: 2, run: () => this.#open(again, us + BACKOFF_US) });
  }

  #chosen(hash: number): number {
    const oracle = this.#given.course.spans[this.#span]?.oracle;
    return (oracle && this.#choose(oracle, hash, this.#loads)) ?? NO_TARGET;
  }
}
