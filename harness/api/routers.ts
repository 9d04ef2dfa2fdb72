// SPDX-License-Identifier: Apache-2.0
// "On every router": each is set up by itself, a change is made on all of them at once, and what was started is stopped in order.
import path from "node:path";
import { type FoundProgram, findProgram, installed } from "../host/locate.ts";
import { Daemon } from "../runtime/daemon.ts";
import { type Host, type Lab, LabError } from "../runtime/runtime.ts";
import type { Machine, Topology } from "../topology/topology.ts";
import type { Balancer } from "./backend.ts";
import { notInstalled, type Program } from "./requirements.ts";

/** One router of a lab that is up, and what a balancer's part there may do. */
export interface Router {
  host: Host;
  machine: Machine;
  lab: Lab;
  topology: Topology;
  /** So many services besides the VIP's. */
  services: number;
  /** Where a program is in the machine. Throws LabError when it is not there. */
  find: (program: Program) => Promise<FoundProgram>;
  /** Starts what serves until the deployment ends, which stops it; when it ends by itself that is a fault. */
  start: (argv: readonly string[], options?: StartOptions) => Daemon;
  /** The balancer broke, or does not do what it should: the case fails. A sentence. */
  fault: (sentence: string) => void;
}

interface StartOptions {
  env?: Readonly<Record<string, string>>;
  /** Every line on stderr. */
  onLine?: (line: string) => void;
}

/** A balancer's part on one router. Rules, routes and state go with the router: nothing of these has to be undone. */
export interface RouterSide {
  install(active: readonly number[]): Promise<void>;
  /**
   * Makes exactly `active` so, after `before` (indices). Resolves when that is in force; with a number where the monotonic ns from
   * which on it is are known better than by the moment at which it resolves.
   */
  change(active: readonly number[], before: readonly number[]): Promise<unknown>;
  counters?(): Promise<Record<string, number>>;
  /** Resolves when nothing of a change goes on any more that nobody waited for, as the removal of old rules. */
  idle?(): Promise<unknown>;
  /** As `Balancer.setRouters`, for this router. */
  setRouters?(active: readonly number[]): Promise<void>;
  /** Resolves when it has found out which targets answer: as `Balancer.waitForConvergence`, for this router. */
  converge?(alive: readonly number[]): Promise<void>;
  /** After its daemons have been stopped. */
  end?(): Promise<void>;
}

interface Deployed extends RouterSide {
  current: readonly number[];
  daemons: Daemon[];
}

export async function deployOnRouters(
  lab: Lab,
  active: readonly number[],
  services: number,
  sideOf: (router: Router) => RouterSide | Promise<RouterSide>,
): Promise<Balancer> {
  const faults = new Faults();
  const deployed = new Map<string, Deployed>();
  for (const machine of lab.topology.routers) {
    const daemons: Daemon[] = [];
    const side = await sideOf(routerOf(lab, machine, services, { daemons, faults }));
    deployed.set(machine.name, { ...side, daemons, current: active });
  }
  const sides = [...deployed.values()];
  await Promise.all(sides.map((side) => side.install(active)));
  const onEach = async (action: (side: Deployed) => Promise<unknown> | undefined) => {
    await Promise.all(sides.map(async (side) => action(side)));
  };
  return {
    get onFault() {
      return (sentence: string) => faults.add(sentence);
    },
    set onFault(report: (sentence: string) => void) {
      faults.listen(report);
    },
    async setTargets(next, only) {
      const chosen = [...deployed].flatMap(([name, side]) => ((only?.has(name) ?? true) ? [side] : []));
      const times = await Promise.all(
        chosen.map(async (side) => {
          const effectiveT = await side.change(next, side.current);
          side.current = next;
          return typeof effectiveT === "number" ? effectiveT : lab.clock.now();
        }),
      );
      return times.length > 0 ? Math.max(...times) : lab.clock.now();
    },
    counters: async (name) => (await deployed.get(name)?.counters?.()) ?? {},
    async idle() {
      await onEach((side) => side.idle?.());
    },
    ...(sides.some((side) => side.setRouters !== undefined)
      ? { setRouters: (next: readonly number[]) => onEach((side) => side.setRouters?.(next)) }
      : {}),
    ...(sides.some((side) => side.converge !== undefined)
      ? {
          async waitForConvergence(alive: readonly number[]) {
            await onEach((side) => side.converge?.(alive));
            return lab.clock.now();
          },
        }
      : {}),
    async [Symbol.asyncDispose]() {
      faults.close();
      await onEach(async (side) => {
        for (const daemon of side.daemons.splice(0).reverse()) await daemon.stop();
        await side.end?.();
      });
    },
  };
}

function routerOf(
  lab: Lab,
  machine: Machine,
  services: number,
  { daemons, faults }: { daemons: Daemon[]; faults: Faults },
): Router {
  const host = lab.host(machine.name);
  const fault = (sentence: string) => faults.add(sentence);
  return {
    host,
    machine,
    lab,
    topology: lab.topology,
    services,
    fault,
    find: (program) => programIn(lab, program),
    start(argv, options = {}) {
      const name = path.basename(argv[0] ?? "");
      const daemon = new Daemon(host, argv, { ...options, onEnd: (how) => fault(`'${name}' on ${host.name} ${how}`) });
      daemons.push(daemon);
      return daemon;
    },
  };
}

/** Throws LabError when it is not there. */
export async function programIn(lab: Lab, { name, from }: Program): Promise<FoundProgram> {
  if (from === "ours") return installed(lab.program(name));
  const found = lab.traits.toolsAreHosts ? await findProgram(name) : installed(name);
  if (!found) throw new LabError(notInstalled(name, from.packages));
  return found;
}

/** Faults on their way to whoever listens; once the deployment ends, nothing is one any more. */
class Faults {
  #early: string[] = [];
  #closed = false;
  #report: ((sentence: string) => void) | undefined;

  add(sentence: string): void {
    if (this.#closed) return;
    if (this.#report) this.#report(sentence);
    else this.#early.push(sentence);
  }

  listen(report: (sentence: string) => void): void {
    this.#report = report;
    for (const sentence of this.#early.splice(0)) report(sentence);
  }

  close(): void {
    this.#closed = true;
  }
}
