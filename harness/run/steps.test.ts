// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { EventDefinition } from "../api/event.ts";
import { EVENTS } from "../events/index.ts";
import type { Event } from "../record/schema.ts";
import { LabError } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { Clock } from "../util/clock.ts";
import { type Deployment, driveSteps, Shared } from "./steps.ts";

/** Its time leaps to whatever is waited for. */
class Leaping extends Clock {
  readonly isVirtual: boolean;
  #now = 0;

  constructor(isVirtual: boolean) {
    super();
    this.isVirtual = isVirtual;
  }

  now(): number {
    return this.#now;
  }

  at(t: number, action: () => void): () => void {
    queueMicrotask(() => {
      this.#now = Math.max(this.#now, t);
      action();
    });
    return () => {};
  }

  during<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }
}

/** Targets leave at 1 s and return at 3 s; each takes so many ms. Returns what the record has. */
async function steps(isVirtual: boolean, takesMs: number): Promise<Event[]> {
  const clock = new Leaping(isVirtual);
  const events: Event[] = [];
  const lab = { clock, topology: planTopology({ targets: 2, routers: 1 }) };
  const deployment = { lab, record: { add: (event: Event) => events.push(event) } } as unknown as Deployment;
  const apply = async () => {
    await clock.sleep(takesMs);
    return clock.now();
  };
  const step = (atS: number, event: EventDefinition) => ({ atS, event: { ...event, apply }, members: [1] });
  const plan = {
    mode: "stream" as const,
    durationS: 9,
    out: [],
    steps: [step(1, EVENTS.scale_in), step(3, EVENTS.scale_out)],
  };
  const shared = new Shared(deployment.lab, deployment.record);
  await driveSteps(deployment, { plan, shared, t0: 0 }, new AbortController().signal);
  return events;
}

test("each step is asked for at its time and in force when it was carried out", async (t) => {
  const [first, second] = await steps(true, 1500);
  t.like(first, { kind: "scale", action: "scale_in", machines: ["vm-001"], requestedT: 1e9, effectiveT: 2.5e9 });
  t.like(second, { action: "scale_out", requestedT: 3e9, effectiveT: 4.5e9 });
});

test("a step whose time has passed is an error in virtual time, and late where the machine may be busy", async (t) => {
  await t.throwsAsync(steps(true, 5000), {
    instanceOf: LabError,
    message: /^Cannot carry out 'scale_out' at 3 s: 6\.0 s have passed, .* Try later times with --at\.$/,
  });
  t.like((await steps(false, 5000))[1], { action: "scale_out", requestedT: 6e9, effectiveT: 11e9 });
});
