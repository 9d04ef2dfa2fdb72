// SPDX-License-Identifier: Apache-2.0
// What a flood of packets from sources that never answer costs those that are meant: a model of the two tables of Linux that it fills,
// played SYN by SYN.
//
// Conntrack (nf_conntrack_core.c): an entry lies in two buckets, one for each direction. When the table is full the next eight buckets
// from the new entry's own on are looked through, and all entries of the first one that has any give way whose connection was never
// established; where none has, the packet is dropped.
//
// A listener without SYN cookies (tcp_conn_request): a SYN is dropped once more than three quarters of tcp_max_syn_backlog are half open.
// Time-outs of both (60 s and more) are longer than a run.
import { mulberry32 } from "../util/random.ts";

const BUCKETS_SEEN = 8;
/** TCP sends its SYN again after so many seconds. */
const AGAIN_S = [0, 1, 3, 7] as const;

export interface Crowd {
  /** null: conntrack is not asked. `held`: connections that are established. */
  table: { most: number; buckets: number; held: number } | null;
  /** null: SYN cookies leave room. Listeners that a SYN of each family may come to. */
  backlog: { room: number; listeners: Readonly<Record<4 | 6, number>>; shared: boolean } | null;
  flood: { fromS: number; untilS: number; perS: number; families: readonly (4 | 6)[] };
  /** New connections that are meant, in order. */
  attempts: readonly { atS: number; family: 4 | 6 }[];
}

/** Half-open connections that a listener has room for: of tcp_max_syn_backlog a quarter is kept free. */
export const backlogRoom = (most: number): number => most - (most >> 2) + 1;

/** How many attempts had no answer to their first SYN. The same seed gives the same number. */
export function missedIn(crowd: Crowd, seed: number): number {
  const random = mulberry32(seed);
  const table = crowd.table && new Table(crowd.table, random);
  const backlogs = crowd.backlog && new Backlogs(crowd.backlog, random);
  let missed = 0;
  for (const { family, attempt, again } of packets(crowd)) {
    if (attempt === null) {
      if (!table || table.admit(false)) backlogs?.admit(family, null);
      continue;
    }
    if (attempt.served) continue;
    attempt.served = (!table || table.admit(true)) && (!backlogs || backlogs.admit(family, attempt));
    if (!attempt.served && again === 0) missed++;
  }
  return missed;
}

interface Attempt {
  served: boolean;
  /** Its packets come to the same one each time; -1: to none yet. */
  listener: number;
}
interface Packet {
  atS: number;
  family: 4 | 6;
  /** null: of the flood. */
  attempt: Attempt | null;
  again: number;
}

/** In order. */
function* packets({ flood, attempts }: Crowd): Generator<Packet> {
  const meant = attempts.map((): Attempt => ({ served: false, listener: -1 }));
  const queues = AGAIN_S.map(() => 0);
  const { fromS, untilS, perS, families } = flood;
  const all = Math.floor((untilS - fromS) * perS);
  let sent = 0;
  for (;;) {
    const due = queues.map((at, again) => (attempts[at]?.atS ?? Number.POSITIVE_INFINITY) + (AGAIN_S[again] ?? 0));
    const first = Math.min(...due);
    const atS = sent < all ? fromS + sent / perS : Number.POSITIVE_INFINITY;
    if (atS === Number.POSITIVE_INFINITY && first === Number.POSITIVE_INFINITY) return;
    if (atS <= first) yield { atS, family: families[sent++ % families.length] ?? 4, attempt: null, again: 0 };
    else {
      const again = due.indexOf(first);
      const i = queues[again] ?? 0;
      queues[again] = i + 1;
      yield { atS: first, family: attempts[i]?.family ?? 4, attempt: meant[i] ?? null, again };
    }
  }
}

type Random = () => number;

/** Entries that may give way, by bucket; those of established connections are counted only. */
class Table {
  readonly #most: number;
  readonly #size: number;
  readonly #buckets = new Map<number, Set<readonly [number, number]>>();
  readonly #random: Random;
  #entries: number;

  constructor({ most, buckets, held }: NonNullable<Crowd["table"]>, random: Random) {
    this.#most = most;
    this.#size = buckets;
    this.#random = random;
    this.#entries = held;
  }

  /** `stays`: it is established at once, and never gives way. */
  admit(stays: boolean): boolean {
    const draw = () => Math.floor(this.#random() * this.#size);
    const own = draw();
    if (this.#entries >= this.#most && !this.#makeRoom(own)) return false;
    this.#entries++;
    if (stays) return true;
    const entry = [own, draw()] as const;
    for (const number of entry) {
      const bucket = this.#buckets.get(number) ?? new Set();
      this.#buckets.set(number, bucket.add(entry));
    }
    return true;
  }

  #makeRoom(from: number): boolean {
    for (let i = 0; i < BUCKETS_SEEN; i++) {
      const found = [...(this.#buckets.get((from + i) % this.#size) ?? [])];
      for (const entry of found) for (const bucket of entry) this.#buckets.get(bucket)?.delete(entry);
      this.#entries -= found.length;
      if (found.length > 0) return true;
    }
    return false;
  }
}

/** Half-open connections by listener: those that are meant are open at once, and take no room. */
class Backlogs {
  readonly #room: number;
  readonly #half: Readonly<Record<4 | 6, number[]>>;
  readonly #random: Random;

  constructor({ room, listeners, shared }: NonNullable<Crowd["backlog"]>, random: Random) {
    this.#room = room;
    this.#random = random;
    const of4 = Array<number>(listeners[4]).fill(0);
    this.#half = { 4: of4, 6: shared ? of4 : Array<number>(listeners[6]).fill(0) };
  }

  admit(family: 4 | 6, attempt: Attempt | null): boolean {
    const half = this.#half[family];
    const drawn = Math.floor(this.#random() * half.length);
    const listener = attempt && attempt.listener >= 0 ? attempt.listener : drawn;
    if (attempt) attempt.listener = listener;
    if ((half[listener] ?? 0) >= this.#room) return false;
    if (!attempt) half[listener] = (half[listener] ?? 0) + 1;
    return true;
  }
}
