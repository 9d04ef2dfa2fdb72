// SPDX-License-Identifier: Apache-2.0
// What becomes of a connection over a course of changes: the oracle's decisions, each made once for all connections that share it.
import type { Course } from "../oracle/course.ts";
import { lossProbability } from "../oracle/loss.ts";
import { memoryOf, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Cells } from "../oracle/strategies/define.ts";
import { cellsOf, losesByPick } from "../oracle/strategies/registry.ts";
import type { Protocol } from "../record/schema.ts";

/** Index of no target: there is none in use. */
export const NO_TARGET = -1;
const UNKNOWN = -2;
/** Of tables that are kept. */
const MOST_ENTRIES = 2 ** 25;

/** A connection when it is opened. */
export interface Opened {
  hash: number;
  /** From 0 to below 1, for what is left to chance. */
  chance: number;
  span: number;
}

export class Fates {
  readonly events: number;
  readonly #spec: OracleSpec;
  readonly #course: Course;
  readonly #protocol: Protocol;
  readonly #oracles: readonly Oracle[];
  readonly #remembers: boolean;
  /** Another target is picked, and that is all that a loss is. */
  readonly #isByPick: boolean;
  /** null: each hash is asked for itself. */
  readonly #cells: Cells | null;
  /** By cell and span. */
  readonly #picks: Int32Array;
  /** By cell, or target where connections are remembered, and span: the first event that it is lost at; `events`: none. */
  readonly #losses: Int32Array;

  constructor(spec: OracleSpec, course: Course, { protocol, targets }: { protocol: Protocol; targets: number }) {
    this.#spec = spec;
    this.#course = course;
    this.#protocol = protocol;
    this.#oracles = course.spans.flatMap(({ oracle }) => oracle ?? []);
    this.events = course.changes.length;
    this.#remembers = memoryOf(spec, protocol) !== null;
    this.#isByPick = !this.#remembers && losesByPick(spec);
    const cells = cellsOf(spec, this.#oracles);
    this.#cells = cells && cells.count * this.#oracles.length <= MOST_ENTRIES ? cells : null;
    const count = this.#cells?.count ?? 0;
    this.#picks = new Int32Array(count * this.#oracles.length).fill(UNKNOWN);
    this.#losses = new Int32Array((this.#remembers ? targets : count) * this.#oracles.length).fill(UNKNOWN);
  }

  /** Index of the target that it gets. */
  targetOf({ hash, chance, span }: Opened): number {
    if (!this.#cells) return this.#pick(hash, chance, span);
    const cell = this.#cells.of(hash);
    const at = cell * this.#oracles.length + span;
    if (this.#picks[at] === UNKNOWN) this.#picks[at] = this.#pick(this.#cells.sample(cell), chance, span);
    return this.#picks[at] as number;
  }

  /** Index of the event that it is lost at; `events`: it lives to the end. */
  lostAt(opened: Opened, target: number): number {
    const { hash, span } = opened;
    if (target === NO_TARGET) return this.events;
    if (!this.#remembers && !this.#cells) return this.#firstLoss(opened, target);
    const key = this.#remembers ? target : (this.#cells as Cells).of(hash);
    const at = key * this.#oracles.length + span;
    if (this.#losses[at] === UNKNOWN && this.#isByPick) this.#fill(key, this.#cells as Cells);
    if (this.#losses[at] === UNKNOWN) {
      const sample = this.#remembers ? hash : (this.#cells as Cells).sample(key);
      this.#losses[at] = this.#firstLoss({ ...opened, hash: sample }, target);
    }
    return this.#losses[at] as number;
  }

  /** All spans of a cell at once, from the last one back: who opens later is lost at the same events, but for those before. */
  #fill(cell: number, cells: Cells): void {
    const [spans, hash] = [this.#oracles.length, cells.sample(cell)];
    const picks = this.#oracles.map((oracle) => oracle.pick(hash));
    // Where nobody is picked chance has a part.
    if (picks.includes(null) || spans !== this.events + 1) return;
    let lostAt = this.events;
    for (let span = this.events; span >= 0; span--) {
      if (this.#course.changes[span] && picks[span] !== picks[span + 1]) lostAt = span;
      this.#losses[cell * spans + span] = lostAt;
    }
  }

  #pick(hash: number, chance: number, span: number): number {
    const oracle = this.#oracles[span];
    return oracle?.pick(hash) ?? shareAt(oracle?.shares ?? new Map(), chance);
  }

  #firstLoss({ hash, chance, span }: Opened, target: number): number {
    for (let i = span; i < this.events; i++) {
      const change = this.#course.changes[i];
      if (!change) continue;
      const known = this.#oracles[span]?.pick(hash) === null ? null : hash;
      const lived = this.#course.lived(span, i);
      const alive = { protocol: this.#protocol, hash: known, target, lived, knownToReturning: false };
      const probability = lossProbability(this.#spec, change, alive);
      if (probability >= 1 || (probability > 0 && drawn(chance, i) < probability)) return i;
    }
    return this.events;
  }
}

/** The target whose share of all flows this part of them falls into. */
function shareAt(shares: ReadonlyMap<number, number>, part: number): number {
  let sum = 0;
  let last = NO_TARGET;
  for (const [index, share] of shares) {
    sum += share;
    last = index;
    if (part < sum) return index;
  }
  return last;
}

/** Another chance for each event, from that of the connection: fractions of multiples of the golden ratio. */
const drawn = (chance: number, event: number) => (chance + (event + 1) * 0.6180339887498949) % 1;
