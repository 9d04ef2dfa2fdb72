// SPDX-License-Identifier: Apache-2.0
// "On every router": each is set up by itself, a change is made on all of them at once, and what was started is stopped in order.
import path from "node:path";
import { type FoundProgram, findProgram, installed } from "../host/locate.ts";
import type { FlowRule } from "../oracle/oracle.ts";
import { Daemon } from "../runtime/daemon.ts";
import { type Host, type Lab, LabError } from "../runtime/runtime.ts";
import type { Machine, Topology } from "../topology/topology.ts";
import type { Balancer, ControlAction } from "./backend.ts";
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
   * Makes exactly `active` so, after `before` (indices). Resolves when that is in force; with a number where the router's monotonic ns
   * from which on it is are known better than by the moment at which it resolves.
   */
  change(active: readonly number[], before: readonly number[]): Promise<unknown>;
  /** Gives all targets (by index) these weights, while `active` are so. Resolves as `change` does. */
  weigh?(weights: readonly number[], active: readonly number[]): Promise<unknown>;
  /** Puts these flows in force, while `active` are so. Resolves as `change` does. */
  reflow?(flows: readonly FlowRule[], active: readonly number[]): Promise<unknown>;
  counters?(): Promise<Record<string, number>>;
  /** Resolves when nothing of a change goes on any more that nobody waited for, as the removal of old rules. */
  idle?(): Promise<unknown>;
  /** As `Balancer.control`, for this router: one function for each action that the backend's `lifecycle` names, and stop, kill and start. */
  control?: Partial<Record<ControlAction, (active: readonly number[]) => Promise<unknown>>>;
  /** As `Balancer.setRouters`, for this router. */
  setRouters?(active: readonly number[]): Promise<void>;
  /** Puts back what the kernel took away with the links, as a routing daemon does; `active` are in use. Absent: it takes nothing away. */
  relinked?(active: readonly number[]): Promise<unknown>;
  /** Resolves when it has found out which targets answer: as `Balancer.waitForConvergence`, for this router. */
  converge?(alive: readonly number[]): Promise<void>;
  /** After its daemons have been stopped. */
  end?(): Promise<void>;
}

interface Deployed extends RouterSide {
  /** The lab's time of what the side says; of what it does not say, now. */
  timeOf(said: unknown): number;
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
    deployed.set(machine.name, { ...side, timeOf: timesOf(lab, machine), daemons, current: active });
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
      const times = await Promise.all(chosen.map((side) => changeOn(side, next)));
      return times.length > 0 ? Math.max(...times) : lab.clock.now();
    },
    ...otherChanges(sides),
    counters: async (name) => (await deployed.get(name)?.counters?.()) ?? {},
    async idle() {
      await onEach((side) => side.idle?.());
    },
    ...(sides.some((side) => side.setRouters !== undefined)
      ? { setRouters: (next: readonly number[]) => onEach((side) => side.setRouters?.(next)) }
      : {}),
    async control(action, routers) {
      const chosen = lab.topology.routers.filter((_, i) => routers.includes(i));
      await Promise.all(chosen.map(({ name }) => controlOn(name, deployed.get(name), action)));
      return lab.clock.now();
    },
    ...convergence(lab, deployed),
    async [Symbol.asyncDispose]() {
      faults.close();
      await onEach(async (side) => {
        for (const daemon of side.daemons.splice(0).reverse()) if (daemon.alive) await daemon.stop();
        await side.end?.();
      });
    },
  };
}

/** Whether targets answer, as the sides find out by themselves. */
function convergence(lab: Lab, deployed: ReadonlyMap<string, Deployed>): Pick<Balancer, "waitForConvergence"> {
  if (![...deployed.values()].some((side) => side.converge !== undefined)) return {};
  return {
    async waitForConvergence(alive, onFound) {
      const find = async ([name, side]: [string, Deployed]) => {
        await side.converge?.(alive);
        onFound?.(name, lab.clock.now());
      };
      await Promise.all([...deployed].map(find));
      return lab.clock.now();
    },
  };
}

function timesOf(lab: Lab, { name }: Machine): Deployed["timeOf"] {
  const { labTime = (t: number) => t } = lab.host(name);
  return (said) => (typeof said === "number" ? labTime(said) : lab.clock.now());
}

/** What the sides can change besides their targets. */
function otherChanges(sides: readonly Deployed[]): Pick<Balancer, "setWeights" | "setFlows" | "relinked"> {
  return {
    relinked: (routers) => relinkedOn(sides.filter((_, i) => routers.includes(i))),
    ...(sides.every((side) => side.weigh !== undefined)
      ? { setWeights: (weights) => onAll(sides, (side) => side.weigh?.(weights, side.current)) }
      : {}),
    ...(sides.every((side) => side.reflow !== undefined)
      ? { setFlows: (flows) => onAll(sides, (side) => side.reflow?.(flows, side.current)) }
      : {}),
  };
}

/** Resolves with when it is in force on all of them. */
async function onAll(sides: readonly Deployed[], change: (side: Deployed) => Promise<unknown> | undefined) {
  return Math.max(...(await Promise.all(sides.map(async (side) => side.timeOf(await change(side))))));
}

/** Resolves with when it is in force. */
async function changeOn(side: Deployed, next: readonly number[]): Promise<number> {
  const said = await side.change(next, side.current);
  side.current = next;
  return side.timeOf(said);
}

async function relinkedOn(sides: readonly Deployed[]): Promise<void> {
  await Promise.all(sides.map(async (side) => side.relinked?.(side.current)));
}

/** Throws LabError where the side has no such way. */
async function controlOn(name: string, side: Deployed | undefined, action: ControlAction): Promise<void> {
  const act = side?.control?.[action];
  if (!act) throw new LabError(`The balancer on ${name} has no way to ${action}.`);
  await act(side.current);
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
