// SPDX-License-Identifier: Apache-2.0
// Health checks for a balancer that has none: each router asks the targets, and its balancer is told who answers.
import type { Balancer } from "../api/backend.ts";
import type { RecordWriter } from "../record/record.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { linkOn } from "../topology/topology.ts";
import { PORT } from "../traffic/servers.ts";
import { startChecker } from "./checker.ts";
import { tooBusy } from "./index.ts";
import { type Health, healthMs } from "./timers.ts";
import { Views } from "./views.ts";

const PATIENCE_MS = 30_000;

export interface Watchdog {
  /** The same one, which finds out by itself which targets answer. */
  balancer: Balancer;
  end(): Promise<void>;
}

interface Setting {
  health: Health;
  /** Indices of the targets that are in use at first. */
  active: readonly number[];
  record: RecordWriter;
  /** A check ended by itself, or gave up a target that lives. */
  onBroken: (error: LabError) => void;
}

export async function withHealthChecks(lab: Lab, balancer: Balancer, setting: Setting): Promise<Watchdog> {
  const { health, active, record } = setting;
  const { targets, routers } = lab.topology;
  let ended = false;
  const onBroken = (text: string) => {
    if (!ended) setting.onBroken(new LabError(text));
  };
  const names = routers.map(({ name }) => name);
  const views = new Views(
    lab.clock,
    targets.map(({ name }) => name),
    (text) => onBroken(tooBusy(text, health)),
  );
  const addresses = targets.map((target) => linkOn(target, "net1").ipv4);
  const checkers = await Promise.all(
    names.map(async (machine) => {
      const tell = async (answering: ReadonlySet<number>) => {
        if (ended) return;
        const next = active.filter((index) => answering.has(index));
        views.set(machine, next, await balancer.setTargets(next, new Set([machine])));
      };
      const onChange = damped(() => lab.clock.sleep(health.dampingMs), tell, onBroken);
      const checker = await startChecker({
        lab,
        timers: health,
        machine,
        addresses,
        ...portOf(health),
        onChange,
        onBroken,
      });
      views.set(machine, active, lab.clock.now());
      return checker;
    }),
  );
  views.expect(active);
  record.add({ kind: "health", t: lab.clock.now(), ...health, detectionMs: healthMs(health) });
  const found: Balancer = {
    ...balancer,
    setTargets: (next, only) => balancer.setTargets(next, only),
    counters: (router) => balancer.counters(router),
    async waitForConvergence(alive) {
      const changedT = lab.clock.now();
      const noticed = await views.until(names, alive, PATIENCE_MS);
      const t = Math.max(changedT, ...noticed.values());
      const machines = [...noticed].map(([machine, since]) => ({ machine, t: since }));
      record.add({ kind: "failover", t, changedT, noticed: machines });
      return t;
    },
    [Symbol.asyncDispose]: () => balancer[Symbol.asyncDispose](),
  };
  return {
    balancer: found,
    async end() {
      if (ended) return;
      ended = true;
      await Promise.all(checkers.map((checker) => checker.stop()));
    },
  };
}

/** Where every target answers at once, whatever the traffic is. */
const portOf = ({ by }: Health) =>
  by === "icmp" ? {} : { port: { [by]: PORT.connect } as { tcp: number } | { udp: number } };

/** Those that die together are told together, as they are after a while: no table in between moves connections of others. */
function damped(
  wait: () => Promise<void>,
  tell: (answering: ReadonlySet<number>) => Promise<void>,
  onBroken: (sentence: string) => void,
): (answering: ReadonlySet<number>) => Promise<void> {
  let latest: ReadonlySet<number> | null = null;
  const later = async () => {
    await wait();
    const answering = latest ?? new Set<number>();
    latest = null;
    await tell(answering);
  };
  return async (answering) => {
    const isTelling = latest !== null;
    latest = answering;
    if (!isTelling) later().catch((error: Error) => onBroken(error.message));
  };
}
