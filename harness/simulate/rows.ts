// SPDX-License-Identifier: Apache-2.0
// A simulated connection as a row of the record: its messages are due by the generator's schedule, and packets take no time.
import type { Plan } from "../api/scenario.ts";
import { isSilent } from "../events/meaning.ts";
import type { Cause, Protocol } from "../record/base.ts";
import { encodeRow } from "../record/connections.ts";
import type { Load } from "../traffic/streams.ts";
import { NO_TARGET } from "./fates.ts";
import type { FlowDrawer } from "./flows.ts";
import type { Life } from "./lives.ts";

/** After a loss the generator opens a connection again so much later. */
export const BACKOFF_US = 10_000;

/** Of one stream: makes the rows of its lives in their order. */
export class RowMaker {
  sent = 0;
  /** By target. */
  readonly arrived: number[];
  /** What was sent to nobody. */
  unheard = 0;
  readonly #drawer: FlowDrawer;
  readonly #plan: Plan;
  readonly #load: Load;
  readonly #intervalUs: number;
  readonly #unitUs: number;
  #openedUs = 0;

  constructor(
    drawer: FlowDrawer,
    { plan, load, targets, unitUs }: { plan: Plan; load: Load; targets: number; unitUs: number },
  ) {
    this.#drawer = drawer;
    this.#plan = plan;
    this.#load = load;
    this.#unitUs = unitUs;
    this.#intervalUs = intervalUsOf(drawer, load);
    this.arrived = Array<number>(targets).fill(0);
  }

  row(life: Life): Buffer {
    const { plan } = this.#drawer.stream;
    const endUs = Math.min(this.#load.durationS * 1e6, plan?.endUs[life.id] ?? Number.POSITIVE_INFINITY);
    if (life.generation === 0) this.#openedUs = plan?.startUs[life.id] ?? rampUsOf(this.#drawer, this.#load, life.id);
    const startUs = this.#openedUs;
    const end = this.#endOf(life, startUs, endUs);
    this.#openedUs = end.us + BACKOFF_US;
    this.#count(life, end);
    const isMoved = end.cause === "wrong_target";
    return encodeRow({
      id: life.id,
      generation: life.generation,
      cause: end.cause,
      srcOffset: this.#drawer.offset,
      sport: this.#drawer.port,
      host: life.target,
      movedTo: isMoved ? life.next : null,
      startUnits: this.#units(startUs),
      establishedUnits: life.target === NO_TARGET ? null : this.#units(startUs),
      endUnits: this.#units(end.us),
      gapUnits: this.#units(end.cause === "stalled" ? this.#load.stallS * 1e6 : 0),
      progressUnits: this.#units(end.progressUs),
      sent: end.sent,
      received: end.sent - (end.cause === "none" || isMoved ? 0 : 1),
    });
  }

  #units(us: number): number {
    return Math.round(us / this.#unitUs);
  }

  /** A loss is noticed at the first message that is due once the change is in force. */
  #endOf({ lostAt, forgottenUs }: Life, startUs: number, endUs: number): End {
    const interval = this.#intervalUs;
    if (forgottenUs !== undefined) {
      const number = Math.round((forgottenUs - startUs) / interval);
      return {
        cause: CAUSE[this.#load.protocol],
        us: forgottenUs,
        progressUs: forgottenUs - interval,
        sent: number + 1,
      };
    }
    const step = this.#plan.steps[lostAt];
    const all = Math.ceil((endUs - startUs) / interval);
    const isPlanned = endUs < this.#load.durationS * 1e6;
    if (!step && isPlanned) return { cause: "none", us: endUs, progressUs: endUs, sent: all + 1 };
    if (!step) return { cause: "none", us: endUs, progressUs: startUs + (all - 1) * interval, sent: all };
    const number = Math.ceil((step.atS * 1e6 - startUs) / interval);
    const dueUs = isPlanned ? Math.min(startUs + number * interval, endUs) : startUs + number * interval;
    const cause = this.#causeOf(lostAt);
    const us = cause === "stalled" ? dueUs + this.#load.stallS * 1e6 : dueUs;
    const progressUs = cause === "wrong_target" ? dueUs : dueUs - interval;
    return { cause, us, progressUs, sent: number + 1 };
  }

  #causeOf(event: number): Cause {
    const step = this.#plan.steps[event];
    if (step && isSilent(step.event)) return "stalled";
    return CAUSE[this.#load.protocol];
  }

  #count({ target, next }: Life, { cause, sent }: End): void {
    const last = cause === "none" ? target : cause === "stalled" ? NO_TARGET : next;
    this.sent += sent;
    this.#arrive(target, sent - 1);
    this.#arrive(last, 1);
  }

  #arrive(target: number, messages: number): void {
    if (target === NO_TARGET) this.unheard += messages;
    else this.arrived[target] = (this.arrived[target] ?? 0) + messages;
  }
}

interface End {
  cause: Cause;
  us: number;
  progressUs: number;
  sent: number;
}

/** Of a connection whose packets come to another target. */
const CAUSE: Readonly<Record<Protocol, Cause>> = { tcp: "reset", udp: "wrong_target", sctp: "reset" };

/** When a connection that lasts is opened. */
export const rampUsOf = ({ stream: { connections } }: FlowDrawer, { rampS }: Pick<Load, "rampS">, id: number): number =>
  Math.floor((id * rampS * 1e6) / connections);

/** Between two messages of one connection. */
export function intervalUsOf({ stream: { connections, rate } }: FlowDrawer, { open }: Pick<Load, "open">): number {
  return open?.intervalUs ?? Math.floor((connections / rate) * 1e6);
}
