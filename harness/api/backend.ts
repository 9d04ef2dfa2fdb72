// SPDX-License-Identifier: Apache-2.0
import type { z } from "zod";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Protocol } from "../record/schema.ts";
import type { Lab, Runtime } from "../runtime/runtime.ts";

/** What not every balancer does, as the end of a sentence that begins with its name. */
export const FEATURES = {
  icmp_errors: "send ICMP errors after the flow they are about",
  health_checks: "find out by itself which targets answer",
  fragments: "keep the fragments of a datagram together that come in by different routers",
} as const;
export type Feature = keyof typeof FEATURES;

/** A load balancer under test. To add one: a file or folder in lb/ and a line in lb/index.ts. */
export interface Backend<Options extends z.ZodObject = z.ZodObject> {
  name: string;
  summary: string;
  /** Whether it remembers connections: then scaling out moves none. */
  keepsState: boolean;
  /** Those that it balances; absent: all. Cases with others are skipped. */
  protocols?: readonly Protocol[];
  /** Whether conntrack on the routers has to hold every connection. Absent: it does not. */
  tracks?(options: z.infer<Options>, targets: number): boolean;
  /** What else it can do; scenarios that need more are skipped. */
  handles?: readonly Feature[];
  /** What --set takes. Each option says with `.describe()` what it is. */
  options: Options;
  /** The one of `options` that says for how many seconds a source stays with its target. */
  affinityOption?: string;
  /** Defaults for `options` that it takes from environment variables, xcluster's names among them. */
  environment?(env: NodeJS.ProcessEnv): Record<string, string>;
  /** One sentence for each thing that this machine lacks for it in that runtime, with the remedy. Empty: it can run. Without options: with any. */
  missing(runtime: Runtime, options?: z.infer<Options>): Promise<string[]>;
  /** Device files that its routers need. Absent: none. */
  devices?(options: z.infer<Options>): readonly string[];
  /** What one more service is in its terms, as in "a flow". Absent: it has the VIP's only. */
  service?: string;
  /**
   * Installs it on the lab's routers with these targets (indices) active. Throws LabError, and then the lab is taken down. Where
   * it has services, so many are installed besides, at `otherVip(1)` and so on, and packets for the VIP find theirs last.
   */
  deploy(lab: Lab, options: z.infer<Options>, active: readonly number[], services?: number): Promise<Balancer>;
  /** null: what it does cannot be predicted connection by connection. */
  oracle(options: z.infer<Options>, targets: number, protocol: Protocol): OracleSpec | null;
  /** The options as they are used with so many targets, for the report. Throws UsageError when they do not fit. */
  effectiveOptions(options: z.infer<Options>, targets: number): Record<string, string | number | boolean>;
}

/** One deployed backend, on all routers of a lab. */
export interface Balancer extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  /**
   * Makes exactly these targets (indices) active, on all routers or only on those named. Resolves with the monotonic ns from
   * which on it is in force.
   */
  setTargets(active: readonly number[], only?: ReadonlySet<string>): Promise<number>;
  /**
   * With health checks: resolves when it has found out by itself that exactly these targets (indices) answer, with the monotonic
   * ns from which on that is in force on all routers. One that does not is a fault, and no rejection.
   */
  waitForConvergence?(active: readonly number[]): Promise<number>;
  /**
   * The routers (indices) that are in the routes from now on, after one left or returned: what they do for each other moves
   * with it. Absent: they do nothing for each other.
   */
  setRouters?(active: readonly number[]): Promise<void>;
  /**
   * Counters of one router. Names beginning with "drop." are packets it dropped; `balanced` are packets for the VIP, and
   * `queued` those of them that went to user space. A proxy ends connections and begins others: "relay.in" are packets from
   * the tester that ended at it, "relay.out" those that it sent to targets. `probes` are health checks' packets to targets.
   */
  counters(router: string): Promise<Record<string, number>>;
  /** Called once when part of it ends by itself. */
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
