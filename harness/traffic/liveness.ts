// SPDX-License-Identifier: Apache-2.0
// Whether generators and servers run all the time: each tells of itself at regular times, and here it is seen when one does not.
import type { EventOf } from "../record/schema.ts";
import type { Capacity } from "../runtime/runtime.ts";
import { type Clock, monotonic } from "../util/clock.ts";

export type Silence = EventOf<"silence">;
type Role = Silence["role"];

const LIMIT_NS = 1.5e9;
/** A machine that is emulated, or another one, is not told from one that stands still as soon. */
const SLOW = 4;
/** A generator has turns that are long, while it opens connections. */
const LONGER: Record<Role, number> = { server: 1, generator: 2 };
/** Whoever says nothing for so many limits never will. */
const GIVEN_UP = 5;
const TICK_NS = 5e7;
/** Where this program is never late, as the lab's time waits for it. */
const VIRTUAL_TICK_NS = 1e9;

/** Time between two signs of life: in a long run they are some hundreds. */
export const signsMs = (durationS: number): number => 250 * (durationS > 600 ? Math.ceil(durationS / 100) : 1);

/** How long a silence is no fault of anybody's, on the lab's machines. */
export function patienceNs(capacity: Capacity | undefined): number {
  return capacity && !capacity.own ? SLOW * LIMIT_NS : LIMIT_NS;
}

interface Pulse {
  of: string;
  role: Role;
  /** Time of its last sign of life by its own clock, and when it was heard by ours. */
  t: number;
  heardT: number;
  limitNs: number;
  onGone?: ((sentence: string) => void) | undefined;
}

interface Watched extends Pick<Pulse, "of" | "role" | "onGone"> {
  /** Time between two signs of life. */
  everyNs: number;
}

/** Reports each silence of those that are watched, between `begin` and `end`. Times are monotonic ns. */
export class Liveness {
  readonly #patienceNs: number;
  readonly #onSilence: (silence: Silence) => void;
  /** Nobody needs to tell of itself more often. */
  readonly leastMs: number;
  readonly #pulses = new Set<Pulse>();
  /** By target and process: messages that came there damaged, as each told at last. */
  readonly corrupt = new Map<string, Map<unknown, number>>();
  readonly #late: { t: number; ns: number }[] = [];
  #tickT = 0;
  #clock: Clock = monotonic;
  #cancel: (() => void) | undefined;

  constructor(patienceNs: number, onSilence: (silence: Silence) => void, leastMs = signsMs(0)) {
    this.leastMs = leastMs;
    this.#patienceNs = patienceNs;
    this.#onSilence = onSilence;
  }

  /** Returns what takes its signs of life. `onGone` is told, once, that nothing more is to be expected. */
  watch({ of, role, everyNs, onGone }: Watched): { beat: (t: number) => void; heard: () => void; end: () => void } {
    const limitNs = this.#patienceNs * LONGER[role] + everyNs;
    const pulse: Pulse = { of, role, t: 0, heardT: this.#clock.now(), limitNs, onGone };
    this.#pulses.add(pulse);
    const heard = () => {
      pulse.heardT = this.#clock.now();
    };
    return {
      beat: (t) => {
        if (this.#cancel && pulse.t > 0) this.#check(pulse, t, t - pulse.t);
        pulse.t = t;
        heard();
      },
      heard,
      end: () => void this.#pulses.delete(pulse),
    };
  }

  begin(clock: Clock = monotonic): void {
    this.#clock = clock;
    const t = clock.now();
    this.#tickT = t;
    for (const pulse of this.#pulses) Object.assign(pulse, { t, heardT: t });
    this.#tickLater();
  }

  /** A server that is silent now is told too. */
  end(): void {
    this.#cancel?.();
    const now = this.#clock.now();
    for (const pulse of this.#pulses) this.#check(pulse, now, now - pulse.heardT);
    this.#cancel = undefined;
    this.#pulses.clear();
  }

  #check({ of, role, limitNs }: Pulse, t: number, gapNs: number): void {
    if (gapNs <= limitNs) return;
    const fromT = t - gapNs;
    this.#onSilence({ kind: "silence", t, of, role, fromT, limitNs, lagNs: this.#lagSince(fromT) });
  }

  /** How late this program itself was since then; what holds it up at this moment too. */
  #lagSince(fromT: number): number {
    if (this.#clock.isVirtual) return 0;
    const late = this.#late.reduce((sum, { t, ns }) => sum + (t > fromT ? ns : 0), 0);
    return Math.round(late + Math.max(0, this.#clock.now() - this.#tickT - TICK_NS));
  }

  #tickLater(): void {
    const everyNs = this.#clock.isVirtual ? Math.max(VIRTUAL_TICK_NS, this.leastMs * 1e6) : TICK_NS;
    this.#cancel = this.#clock.at(this.#clock.now() + everyNs, () => {
      this.#tickLater();
      this.#tick();
    });
  }

  #tick(): void {
    const now = this.#clock.now();
    const ns = now - this.#tickT - TICK_NS;
    if (!this.#clock.isVirtual && ns > TICK_NS / 5) this.#late.push({ t: now, ns });
    this.#tickT = now;
    for (const pulse of this.#pulses) {
      const silentNs = now - pulse.heardT;
      if (!pulse.onGone || silentNs - 2 * this.#lagSince(pulse.heardT) <= GIVEN_UP * pulse.limitNs) continue;
      this.#pulses.delete(pulse);
      pulse.onGone(`has said nothing for ${(silentNs / 1e9).toFixed(1)} s`);
    }
  }
}
