// SPDX-License-Identifier: Apache-2.0
// Connections behind a table that is too small for them, or that forgets who is silent: message by message, as what is forgotten depends on
// who sent when.

import type { Course } from "../oracle/course.ts";
import { lossOfForgotten } from "../oracle/forgetting.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { MemoryLimits } from "../oracle/strategies/define.ts";
import type { Load } from "../traffic/streams.ts";
import { mulberry32 } from "../util/random.ts";
import { eventsUntil } from "./events-until.ts";
import type { Fates, Opened } from "./fates.ts";
import type { FlowDrawer } from "./flows.ts";
import type { Life } from "./lives.ts";
import { LruTable } from "./lru.ts";
import { BACKOFF_US, intervalUsOf, rampUsOf } from "./rows.ts";

interface Remembered {
  spec: OracleSpec;
  /** Of its table. Without `entries` it has room for all, and forgets by time alone. */
  limits: MemoryLimits;
  fates: Fates;
  course: Course;
  drawers: readonly FlowDrawer[];
  load: Load;
  /** When the events come; microseconds. */
  atUs: readonly number[];
  seed: number;
}

interface Connection extends Opened {
  drawer: FlowDrawer;
  id: number;
  generation: number;
  /** In the table. */
  key: number;
  target: number;
  /** Where its last packet came in. */
  cpu: number;
}

type Kept = Omit<Life, "id">;

/** Lives of all connections by drawer and number, each in the order of its generations. The exact LRU of one router, and exact timers. */
export function rememberedLives(given: Remembered): ReadonlyMap<FlowDrawer, readonly (readonly Kept[])[]> {
  const table = new Table(given);
  for (;;) {
    const due = table.next();
    if (!due || due.us >= given.load.durationS * 1e6) break;
    table.message(due.us, due.connection);
  }
  return table.lives();
}

interface Due {
  us: number;
  connection: Connection;
}

/** What is due, in rising order. */
class Queue {
  readonly #all: Due[] = [];
  #head = 0;

  get first(): Due | undefined {
    return this.#all[this.#head];
  }

  push(us: number, connection: Connection): void {
    this.#all.push({ us, connection });
  }

  shift(): void {
    this.#head++;
    if (this.#head < 10_000) return;
    this.#all.splice(0, this.#head);
    this.#head = 0;
  }
}

class Table {
  readonly #given: Remembered;
  readonly #table: LruTable;
  /** Keys that nobody has: who is dead keeps its own until it is forgotten. */
  readonly #free: number[];
  readonly #dead = new Set<number>();
  /** First messages, further ones and those of connections that are opened again: of a stream each rises by itself. */
  readonly #queues: Queue[] = [];
  readonly #later = new Map<FlowDrawer, { messages: Queue; again: Queue }>();
  readonly #lives = new Map<FlowDrawer, Kept[][]>();
  readonly #living = new Set<Connection>();
  /** By key: the CPUs that know it, a bit each. */
  readonly #knownOn: Uint32Array;
  /** By key: when its last packet came. */
  readonly #usedUs: Float64Array;
  /** Silence after which a connection is forgotten. */
  readonly #timeoutUs: number;
  readonly #random: () => number;

  constructor(given: Remembered) {
    const { limits, load, drawers, seed } = given;
    const entries = limits.entries ?? load.connections;
    this.#given = given;
    this.#timeoutUs = (limits.timeoutS?.[load.protocol] ?? Number.POSITIVE_INFINITY) * 1e6;
    this.#random = mulberry32(seed);
    const keys = entries + load.connections + 1;
    this.#table = new LruTable(entries, keys);
    this.#knownOn = new Uint32Array(keys);
    this.#usedUs = new Float64Array(keys);
    this.#free = Array.from({ length: keys }, (_, i) => i);
    for (const drawer of drawers) {
      const [first, messages, again] = [new Queue(), new Queue(), new Queue()];
      this.#queues.push(first, messages, again);
      this.#later.set(drawer, { messages, again });
      this.#lives.set(drawer, []);
      const { connections, part } = drawer.stream;
      for (let id = part.number - 1; id < connections; id += part.of)
        first.push(rampUsOf(drawer, load, id), this.#drawn(drawer, id, 0));
    }
  }

  /** The message that is due next. */
  next(): Due | undefined {
    let next: Queue | undefined;
    for (const queue of this.#queues)
      if (queue.first && queue.first.us < (next?.first?.us ?? Number.POSITIVE_INFINITY)) next = queue;
    const due = next?.first;
    next?.shift();
    return due;
  }

  message(us: number, connection: Connection): void {
    const { spec, fates, course, load, atUs } = this.#given;
    // What is due at the time of an event finds it in force.
    const span = eventsUntil(atUs, us + 0.5);
    if (!this.#living.has(connection)) {
      this.#open(us, connection, span);
      return;
    }
    const lostAt = fates.lostAt(connection, connection.target);
    if (lostAt < span) {
      this.#lose(us, connection, { span, lostAt, leaves: lostAt + 1 });
      return;
    }
    const oracle = course.spans[span]?.oracle;
    this.#arrive(connection);
    if (!this.#isKnown(us, connection) && oracle) {
      const target = connection.target;
      const hash = oracle.pick(connection.hash) === null ? null : connection.hash;
      const { expected } = lossOfForgotten(spec, oracle, { protocol: load.protocol, hash, target });
      // Where nobody can know the choice it is drawn.
      if (expected >= 1 || (expected > 0 && this.#random() < expected)) {
        this.#lose(us, connection, { span, lostAt: fates.events, leaves: span, forgottenUs: us });
        return;
      }
      this.#remember(connection, target);
    }
    this.#usedUs[connection.key] = us;
    this.#sendLater(us, connection);
  }

  /** A message comes to the CPU of the one before, or to another one. */
  #arrive(connection: Connection): void {
    const { cpus = 1, moves = 0 } = this.#given.limits.perCpu ?? {};
    if (cpus === 1 || this.#random() >= moves) return;
    connection.cpu = (connection.cpu + 1 + Math.floor(this.#random() * (cpus - 1))) % cpus;
  }

  #isKnown(us: number, { key, cpu }: Connection): boolean {
    const { limits, load } = this.#given;
    const isThere = this.#table.use(key) !== null && (((this.#knownOn[key] as number) >>> cpu) & 1) === 1;
    // A keepalive is a packet, too.
    const mostUs = limits.dataOnly ? Number.POSITIVE_INFINITY : (load.keepaliveS ?? Number.POSITIVE_INFINITY) * 1e6;
    const silentUs = Math.min(us - (this.#usedUs[key] as number), mostUs);
    return isThere && this.#timeoutUs > 0 && silentUs <= this.#timeoutUs;
  }

  /** By drawer and number; those that live to the end among them. */
  lives(): ReadonlyMap<FlowDrawer, readonly (readonly Kept[])[]> {
    const { fates } = this.#given;
    for (const one of this.#living) this.#keep(one, { lostAt: fates.events, leaves: fates.events, next: one.target });
    return this.#lives;
  }

  #drawn(drawer: FlowDrawer, id: number, generation: number): Connection {
    const [hash, chance] = [drawer.draw(id, generation), drawer.chance(id, generation)];
    return {
      drawer,
      id,
      generation,
      hash,
      chance,
      span: 0,
      key: -1,
      target: -1,
      cpu: Math.floor(chance * (this.#given.limits.perCpu?.cpus ?? 1)),
    };
  }

  #open(us: number, connection: Connection, span: number): void {
    const key = this.#free.pop();
    if (key === undefined) throw new Error("The table of a simulated run has no key left.");
    connection.key = key;
    connection.span = span;
    connection.target = this.#given.fates.targetOf(connection);
    this.#living.add(connection);
    this.#remember(connection, connection.target);
    this.#usedUs[key] = us;
    this.#sendLater(us, connection);
  }

  #sendLater(us: number, connection: Connection): void {
    const { drawer } = connection;
    this.#later.get(drawer)?.messages.push(us + intervalUsOf(drawer, this.#given.load), connection);
  }

  /** The packet that finds no connection at its new target is remembered there all the same. */
  #lose(
    us: number,
    connection: Connection,
    { span, ...loss }: Pick<Kept, "span" | "lostAt" | "leaves" | "forgottenUs">,
  ): void {
    const { drawer, id, generation, hash, chance } = connection;
    const next = this.#given.fates.targetOf({ hash, chance, span });
    this.#keep(connection, { ...loss, next });
    this.#living.delete(connection);
    if (this.#given.limits.entries === undefined) this.#forgetNow(connection.key);
    else {
      this.#dead.add(connection.key);
      this.#remember(connection, next);
    }
    this.#later.get(drawer)?.again.push(us + BACKOFF_US, this.#drawn(drawer, id, generation + 1));
  }

  #keep(
    { drawer, id, generation, target, span }: Connection,
    rest: Omit<Kept, "generation" | "target" | "span">,
  ): void {
    const lives = this.#lives.get(drawer) as Kept[][];
    const own = lives[id] ?? [];
    lives[id] = own;
    own.push({ generation, target, span, ...rest });
  }

  /** Where there is room for all, who is dead takes none from others. */
  #forgetNow(key: number): void {
    this.#table.delete(key);
    this.#knownOn[key] = 0;
    this.#free.push(key);
  }

  #remember({ key, cpu }: Connection, target: number): void {
    const forgotten = this.#table.set(key, target);
    this.#knownOn[key] = (this.#knownOn[key] as number) | (1 << cpu);
    if (forgotten === null) return;
    this.#knownOn[forgotten] = 0;
    if (this.#dead.delete(forgotten)) this.#free.push(forgotten);
  }
}
