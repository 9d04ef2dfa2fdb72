// SPDX-License-Identifier: Apache-2.0
// JET's 468 servers: connections broken behind a table that is too small for all, where it tracks every connection, and with JET.
import { murmur3 } from "../oracle/hash.ts";
import { makeOracle, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import { simulationOf } from "../oracle/strategies/registry.ts";
import { LruTable } from "../simulate/lru.ts";
import { type Distribution, KNOWN_LIFETIMES } from "../traffic/known-lifetimes.ts";
import { mulberry32 } from "../util/random.ts";
import { type Figure, overSeeds } from "./figure.ts";
import { AWAY, binomial, drawFrom, KIB, shuffle } from "./jet-data.ts";

interface Setting {
  servers: number;
  /** Servers that may come next. */
  horizon: number;
  /** Connections that live at the same time, on average. */
  live: number;
  /** Entries of the table. */
  entries: number;
  /** Servers that leave a minute. */
  perMinute: number;
  seconds: number;
}

const SETTING: Setting = { servers: 468, horizon: 70, live: 10_000, entries: 2500, perMinute: 10, seconds: 1000 };

export interface TrackedRun {
  connections: number;
  /** Connections that came to another server though theirs had stayed. */
  brokenByJet: number;
  brokenByFull: number;
}

export function trackedRun(setting: Setting, seed: number): TrackedRun {
  const run = new Run(setting, seed);
  run.go();
  return { connections: run.connections, brokenByJet: run.jet.broken, brokenByFull: run.full.broken };
}

/** One balancer with its table. */
class Tracker {
  broken = 0;
  readonly #table: LruTable;
  readonly #tracks: (slot: number) => boolean;
  /** By slot: it is counted once. */
  readonly #isBroken: Uint8Array;

  constructor(entries: number, slots: number, tracks: (slot: number) => boolean) {
    this.#table = new LruTable(entries, slots);
    this.#tracks = tracks;
    this.#isBroken = new Uint8Array(slots);
  }

  /** A packet comes; `pick`: where the hash leads, `home`: where the connection is. */
  packet(slot: number, pick: number, home: number): void {
    const known = this.#table.use(slot);
    if (known === null && this.#tracks(slot)) this.#table.set(slot, pick);
    if ((known ?? pick) === home || this.#isBroken[slot] === 1) return;
    this.#isBroken[slot] = 1;
    this.broken++;
  }

  end(slot: number): void {
    this.#table.delete(slot);
    this.#isBroken[slot] = 0;
  }
}

interface Tracking {
  whole: Oracle;
}

/** Connections live in slots; each is asked for when it comes, at its end, and after each change if it sent since the one before. */
class Run {
  connections = 0;
  readonly full: Tracker;
  readonly jet: Tracker;
  readonly #setting: Setting;
  readonly #random: () => number;
  readonly #seed: number;
  #oracle: Oracle;
  readonly #spec: OracleSpec;
  #active: number[];
  /** Servers that are away, who comes back first at the head. */
  #waiting: number[];
  #version = 0;
  /** By slot. */
  readonly #hash: Uint32Array;
  readonly #home: Int32Array;
  readonly #endS: Float64Array;
  readonly #packets: Float64Array;
  readonly #askedS: Float64Array;
  readonly #pick: Int32Array;
  readonly #whole: Int32Array;
  readonly #pickVersion: Int32Array;
  readonly #free: number[];
  readonly #living = new Set<number>();
  /** Slots by length of life: all of one length end in the order in which they came. */
  readonly #ends: number[][] = KNOWN_LIFETIMES.hadoop.points.map(() => []);
  readonly #heads: number[] = KNOWN_LIFETIMES.hadoop.points.map(() => 0);

  constructor(setting: Setting, seed: number) {
    const { servers, horizon, live, entries } = setting;
    const slots = 2 * live;
    this.#setting = setting;
    this.#seed = seed;
    this.#random = mulberry32(seed);
    const known = servers + horizon;
    this.#spec = simulationOf("jet").spec(2, seed, known, { over: "anchor", horizon }) as OracleSpec;
    this.#active = Array.from({ length: servers }, (_, i) => i);
    this.#waiting = Array.from({ length: horizon }, (_, i) => servers + i);
    this.#oracle = makeOracle(this.#spec, this.#active);
    const [words, doubles] = [() => new Int32Array(slots), () => new Float64Array(slots)];
    [this.#home, this.#pick, this.#whole, this.#pickVersion] = [words(), words(), words(), words()];
    [this.#endS, this.#packets, this.#askedS] = [doubles(), doubles(), doubles()];
    this.#hash = new Uint32Array(slots);
    this.#free = Array.from({ length: slots }, (_, i) => slots - 1 - i);
    this.full = new Tracker(entries, slots, () => true);
    this.jet = new Tracker(entries, slots, (slot) => this.#pick[slot] !== this.#whole[slot]);
  }

  go(): void {
    const { live, perMinute, seconds } = this.#setting;
    const { points } = KNOWN_LIFETIMES.hadoop;
    const meanS = points.reduce((sum, [s, share], i) => sum + s * (share - (points[i - 1]?.[1] ?? 0)), 0);
    const exponential = (perS: number) => -Math.log1p(-this.#random()) / perS;
    const back: number[] = [];
    let [comesS, leavesS] = [0, 0];
    for (;;) {
      const backS = Math.min(...back);
      const now = Math.min(comesS, leavesS, backS);
      this.#endUntil(Math.min(now, seconds));
      if (now >= seconds) return;
      if (now === comesS) {
        this.#come(now);
        comesS = now + exponential(live / meanS);
      } else if (now === leavesS) {
        back.push(now + drawFrom(AWAY, this.#random()));
        leavesS = now + exponential(perMinute / 60);
        this.#leave();
        this.#askAll(now);
      } else {
        back.splice(back.indexOf(backS), 1);
        this.#return();
        this.#askAll(now);
      }
    }
  }

  #come(now: number): void {
    const slot = this.#free.pop();
    if (slot === undefined) throw new Error("More connections live than there are slots for.");
    const { points } = KNOWN_LIFETIMES.hadoop;
    const u = this.#random();
    const length = points.findIndex(([, share]) => u < share);
    const lifeS = (points[length] as Distribution[number])[0];
    const number = this.connections++;
    this.#hash[slot] = murmur3(Uint8Array.of(number, number >> 8, number >> 16, number >> 24), this.#seed);
    [this.#endS[slot], this.#askedS[slot]] = [now + lifeS, now];
    this.#packets[slot] = Math.floor(10 * drawFrom(KIB, this.#random())) + 1;
    this.#pickVersion[slot] = -1;
    this.#look(slot);
    this.#home[slot] = this.#pick[slot] as number;
    this.#living.add(slot);
    this.#ends[length]?.push(slot);
    this.#packet(slot);
  }

  #endUntil(now: number): void {
    for (const [length, slots] of this.#ends.entries()) {
      let head = this.#heads[length] as number;
      for (; head < slots.length && (this.#endS[slots[head] as number] as number) <= now; head++) {
        const slot = slots[head] as number;
        // Those of a server that left are gone already.
        if (this.#living.delete(slot)) this.#packet(slot);
        this.full.end(slot);
        this.jet.end(slot);
        this.#free.push(slot);
      }
      if (head > MANY) {
        slots.splice(0, head);
        head = 0;
      }
      this.#heads[length] = head;
    }
  }

  /** A server leaves, and takes its connections along. */
  #leave(): void {
    const [server] = this.#active.splice(Math.floor(this.#random() * this.#active.length), 1) as [number];
    this.#waiting.push(server);
    this.#change();
    for (const slot of this.#living) if (this.#home[slot] === server) this.#living.delete(slot);
  }

  #return(): void {
    const server = this.#waiting.shift();
    if (server !== undefined) this.#active.push(server);
    this.#change();
  }

  #change(): void {
    this.#oracle = makeOracle(this.#spec, this.#active, this.#oracle);
    this.#version++;
  }

  /** Those that have sent since they were asked for last send once more. */
  #askAll(now: number): void {
    const asked: number[] = [];
    for (const slot of this.#living) {
      const [since, end] = [this.#askedS[slot] as number, this.#endS[slot] as number];
      const passed = binomial(this.#packets[slot] as number, (now - since) / (end - since), this.#random);
      this.#askedS[slot] = now;
      if (passed === 0) continue;
      this.#packets[slot] = (this.#packets[slot] as number) - passed;
      asked.push(slot);
    }
    for (const slot of shuffle(asked, this.#random)) this.#packet(slot);
  }

  #packet(slot: number): void {
    this.#look(slot);
    const [pick, home] = [this.#pick[slot] as number, this.#home[slot] as number];
    this.full.packet(slot, pick, home);
    this.jet.packet(slot, pick, home);
  }

  /** Where its hash leads now, and where it would if all came that are expected. */
  #look(slot: number): void {
    if (this.#pickVersion[slot] === this.#version) return;
    const hash = this.#hash[slot] as number;
    this.#pickVersion[slot] = this.#version;
    this.#pick[slot] = this.#oracle.pick(hash) ?? -1;
    this.#whole[slot] = (this.#oracle.state as Tracking).whole.pick(hash) ?? -1;
  }
}

const MANY = 65_536;
const SEEDS = 4;
const SOURCE = "Mendelson et al., JET, CoNEXT 2021; anchorhash/jetlb, simulations/event-driven/run_example.py";
const WHAT =
  "of connections that break by updates, 468 servers, 10 leave a minute for 1000 s, table for a quarter of the live ones";
/** By seed: both figures are of the same. */
const runs = new Map<number, TrackedRun>();
const percent = (of: (run: TrackedRun) => number) => () =>
  overSeeds(SEEDS, (seed) => {
    const run = runs.get(seed) ?? trackedRun(SETTING, seed);
    runs.set(seed, run);
    return (100 * of(run)) / run.connections;
  });

const NO_BACKEND = "No backend here has AnchorHash or JET; theirs is a simulation too.";

/** At a tenth of the published size: 10,000 live connections. */
export const jet: readonly Figure[] = [
  {
    name: "jet",
    what: `share ${WHAT}: JET over AnchorHash (0 of 4,687,530)`,
    source: SOURCE,
    unit: "%",
    paper: 0,
    simulate: percent(({ brokenByJet }) => brokenByJet),
    lab: NO_BACKEND,
  },
  {
    name: "jet",
    what: `share ${WHAT}: every connection tracked (7,417 of 4,687,530)`,
    source: SOURCE,
    unit: "%",
    paper: 0.158,
    simulate: percent(({ brokenByFull }) => brokenByFull),
    lab: NO_BACKEND,
  },
];
