// SPDX-License-Identifier: Apache-2.0
// A load balancer under test, as the harness sees it. `defineBackend` makes one.
import type { z } from "zod";
import type { FlowRule, OracleSpec } from "../oracle/oracle.ts";
import type { StrategyDefinition } from "../oracle/strategies/define.ts";
import type { Direct, Family, Lifecycle, Protocol, Reuse, Room, Snat, WithoutTargets } from "../record/schema.ts";
import type { Lab, Place } from "../runtime/runtime.ts";
import type { ServedPorts } from "../traffic/servers.ts";
import type { OwnChecks } from "./own-checks.ts";
import type { Requirements } from "./requirements.ts";

/** What not every balancer does, as the end of a sentence that begins with its name. */
export const FEATURES = {
  icmp_errors: "forward ICMP errors to the target of their flow",
  weights: "take other weights while it runs",
  flows: "tell several services apart",
  health_checks: "detect which targets answer",
  hotplug: "find targets that nobody configured",
  fragments: "keep the fragments of a datagram together across routers",
  paths: "send what comes for a second VIP by the targets' second network",
  reject: "say what clients meet with while it has no target",
  restart: "say how it is stopped and started again",
  reload: "say how it takes its configuration anew",
  upgrade: "say how another build takes over from it",
} as const;
export type Feature = keyof typeof FEATURES;

/** What a backend balances that says nothing of it. */
export const USUAL_PROTOCOLS: readonly Protocol[] = ["tcp", "udp"];

/** As its schema gives them. */
export type BackendOptions = Record<string, unknown>;
/** As they are used, for the report. */
export type EffectiveOptions = Record<string, string | number | boolean>;

/** What can be said of a backend without asking it. */
export interface BackendFacts {
  name: string;
  summary: string;
  /** Strategies of its own that its oracle names, where ours do not say what it does: "<its name>/<strategy>". */
  strategies?: readonly StrategyDefinition[];
  /** Those that it balances; absent: USUAL_PROTOCOLS. Cases with others are skipped. */
  protocols?: readonly Protocol[];
  /** What else it can do; scenarios that need more are skipped. */
  handles?: readonly Feature[];
  /** Options of other backends that it cannot have, with the reason as a sentence. */
  cannot?: Readonly<Record<string, string>>;
  /** Earlier names of options, with the present ones. */
  aliases?: Readonly<Record<string, string>>;
  /** The option that says for how many seconds a source stays with its target. */
  affinityOption?: string;
  /** What one more service is in its terms, as in "a flow". Absent: it has the VIP's only. */
  service?: string;
  /** Its packets cannot be accounted for, as of a proxy that counts none. */
  accounts?: false;
  /** How the names of its tunnels on targets begin: what comes out of one has been received before, inside another packet. */
  tunnels?: string;
  /** Defaults for options that it takes from environment variables, xcluster's names among them. */
  environment?(env: NodeJS.ProcessEnv): Record<string, string>;
}

/** What the VIP serves with some options. */
export interface Served {
  families: readonly Family[];
  protocols: readonly Protocol[];
  /** Where that is said, as "farm file 'web.json'". */
  source: string;
  /** Of protocols that other families serve. */
  familiesFor?: Partial<Record<Protocol, readonly Family[]>>;
  /** Of protocols that are not served at the lab's own ports. */
  ports?: Partial<Record<Protocol, ServedPorts>>;
  /** Why its targets cannot change while it runs, as a sentence; absent: they can. */
  fixed?: string;
}

/** All options are parsed by `options` before they come to a method. */
export interface Backend extends BackendFacts {
  /** What --set takes: a strict object. Each option says with `.describe()` what it is. */
  options: z.ZodObject;
  /** What it consists of, and what machines must have for it. */
  requires(options: BackendOptions): Requirements;
  /** What it needs of the user and was not given, as a sentence; its cases are skipped. null, or absent: nothing. */
  asks?(options: BackendOptions): string | null;
  /** One sentence for each thing that is missing there, with the remedy. Empty: it can run. */
  missing(place: Place, options: BackendOptions): Promise<string[]>;
  /** Whether all that it knows of connections is in conntrack, so that another router that is told carries them on. Absent: it is not. */
  sharesConntrack?(options: BackendOptions): boolean;
  /** Whether conntrack on the routers has to hold every connection. */
  tracks(options: BackendOptions, targets: number): boolean;
  /** Whether it answers SYNs itself, so that neither conntrack nor targets hear of clients that do not complete the handshake. Absent: it does not. */
  answersSyns?(options: BackendOptions): boolean;
  /**
   * Installs it on the lab's routers with these targets (indices) active, with so many services besides the VIP's, at `otherVip(1)`
   * and so on. Throws LabError, and then the lab is taken down.
   */
  deploy(lab: Lab, options: BackendOptions, active: readonly number[], services?: number): Promise<Balancer>;
  /** Links as its packets need them, which cost something by themselves; null, or absent: as the lab has them. */
  links?(options: BackendOptions): LinkNeeds | null;
  /** null: what it does cannot be predicted connection by connection. */
  oracle(options: BackendOptions, targets: number, protocol: Protocol): OracleSpec | null;
  /** Whether targets that leave are dead, while what it remembers of their connections still leads to them. Absent: they are not. */
  leavesDead?(options: BackendOptions): boolean;
  /**
   * What becomes of attempts to connect while no target is in use: no answer ("silence"), an ICMP error, which the kernel sends at a
   * limited rate ("unreachable"), or an end of every one ("refused"). null, or absent: it is not said, and not judged.
   */
  withoutTargets?(options: BackendOptions, protocol: Protocol): WithoutTargets | null;
  /** Whether it serves every VIP of the topology (`clientVips`, `vipPrefix`). Absent: the first one only. */
  servesVips?(options: BackendOptions): boolean;
  /** Whether it takes a list of flows (`topology.flows`), each with targets of its own. Absent: it does not. */
  servesFlows?(options: BackendOptions): boolean;
  /** How many connections are let in, where that was limited; null, or absent: as many as come. */
  room?(options: BackendOptions): Room | null;
  /** What becomes of a 5-tuple that is opened again soon after it was closed; null, or absent: it is not said. */
  reuse?(options: BackendOptions, protocol: Protocol): Reuse | null;
  /**
   * What becomes of a client's connection to a target's own address, from the source address and port of its connection to the VIP;
   * null, or absent: it is not said, and such cases are skipped.
   */
  direct?(options: BackendOptions, protocol: Protocol): Direct | null;
  /** What stop, crash, reload and upgrade cost, and what it keeps; null, or absent: its cases with these events are skipped. */
  lifecycle?(options: BackendOptions, protocol: Protocol): Lifecycle | null;
  /** Why it takes no other weights while it runs, with these options, as a sentence; null: it takes them. Absent: it never does. */
  reweighs?(options: BackendOptions): string | null;
  /** How it checks its targets with these options; null, or absent: it does not, or always does ("health_checks" of `handles`). */
  checks?(options: BackendOptions): OwnChecks | null;
  /** Which source ports connections get with the router's own address, where that was asked for; null, or absent: it was not. */
  snat?(options: BackendOptions): Snat | null;
  /** The path MTU that it clamps the MSS of SYNs to; null, or absent: it does not. */
  clampMtu?(options: BackendOptions): number | null;
  /** Its tunnels make packets to targets larger; null, or absent: it has none. */
  tunnelled?(options: BackendOptions): Tunnelled | null;
  /** null, or absent: everything that it can balance. */
  serves?(options: BackendOptions, targets: number): Served | null;
  /** Throws UsageError when the options do not fit together, or do not fit so many targets. */
  effectiveOptions(options: BackendOptions, targets: number): EffectiveOptions;
}

export interface LinkNeeds {
  /** As "no offloads". */
  words: string;
  /** Sets the lab's links up so. */
  set(lab: Lab): Promise<void>;
}

export interface Tunnelled {
  /** By family. */
  bytes: { readonly 4: number; readonly 6: number };
  /** The path MTU that the MSS of targets fits; null: that of their links. */
  announceMtu: number | null;
}

/** What the machines of its lab must have: for `planTopology`. */
export function machineNeeds(backend: Backend, options: BackendOptions): { devices: string[]; tunnels?: string } {
  const devices = (backend.requires(options).devices ?? []).map(({ file }) => file);
  return { devices, ...(backend.tunnels === undefined ? {} : { tunnels: backend.tunnels }) };
}

/** What can be done to a balancer that runs. */
export type ControlAction = "stop" | "kill" | "start" | "reload" | "upgrade";

/** One deployed backend, on all routers of a lab. */
export interface Balancer extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Makes exactly these targets (indices) active, on all routers or only on those named. Resolves with the monotonic ns from
   * which on it is in force.
   */
  setTargets(active: readonly number[], only?: ReadonlySet<string>): Promise<number>;
  /** Gives all targets (by index) these weights, on all routers, and resolves as `setTargets` does. Absent: it has no such way. */
  setWeights?(weights: readonly number[]): Promise<number>;
  /** Puts exactly these flows in force, on all routers, and resolves as `setTargets` does. Absent: it has no such way. */
  setFlows?(flows: readonly FlowRule[]): Promise<number>;
  /**
   * With health checks: resolves when it has found out by itself that exactly these targets (indices) answer, with the monotonic
   * ns from which on that is in force on all routers. One that does not is a fault, and no rejection. `onFound` is told of each router.
   */
  waitForConvergence?(active: readonly number[], onFound?: (router: string, t: number) => void): Promise<number>;
  /**
   * The routers (indices) that are in the routes from now on, after one left or returned: what they do for each other moves
   * with it. Absent: they do nothing for each other.
   */
  setRouters?(active: readonly number[]): Promise<void>;
  /** The links of these routers (indices) came back: as `RouterSide.relinked`. Absent: a kernel takes nothing of it away with a link. */
  relinked?(routers: readonly number[]): Promise<void>;
  /**
   * Stops, kills, starts again, reloads or replaces it on these routers (indices). Resolves with the monotonic ns from which on that
   * is in force. Absent: it has no such way.
   */
  control?(action: ControlAction, routers: readonly number[]): Promise<number>;
  /**
   * Counters of one router. Names beginning with "drop." are packets it dropped, and those that end in "no_target" those for which it
   * had no target; `balanced` are packets for the VIP, and
   * `queued` those of them that went to user space. A proxy ends connections and begins others: "relay.in" are packets from
   * the tester that ended at it, "relay.out" those that it sent to targets. `probes` are health checks' packets to targets.
   */
  counters(router: string): Promise<Record<string, number>>;
  /** Resolves when nothing of a change goes on any more. Absent: every change is complete when it is in force. */
  idle?(): Promise<void>;
  /** Called when part of it breaks, or ends by itself. What was told before anybody listened is told at once. */
  onFault?: (sentence: string) => void;
}

/** What the machines of a lab turned out to lack once it was up: the run is skipped. */
export class Unsupported extends Error {
  override name = "Unsupported";
  readonly reasons: string[];

  constructor(reasons: string[]) {
    super(reasons.join(" "));
    this.reasons = reasons;
  }
}
