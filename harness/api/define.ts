// SPDX-License-Identifier: Apache-2.0
// Backends, defined by what they do on one router. What all of them need besides (every router, daemons, faults, the order of
// the end, what is missing) is here.
import type { z } from "zod";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Direct, Lifecycle, Protocol, Reuse, Room, Snat, WithoutTargets } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";
import type {
  Backend,
  BackendFacts,
  BackendOptions,
  EffectiveOptions,
  LinkNeeds,
  Served,
  Tunnelled,
} from "./backend.ts";
import type { OwnChecks } from "./own-checks.ts";
import { missingOf, type Requirements } from "./requirements.ts";
import { deployOnRouters, type Router, type RouterSide } from "./routers.ts";

/** A backend, typed by its options. Where nothing is said: it needs nothing, tracks nothing, and is not predicted. */
export interface Definition<Schema extends z.ZodObject = z.ZodObject> extends BackendFacts {
  options: Schema;
  requires?(options: z.infer<Schema>): Requirements;
  /** What it needs of the user and was not given, as a sentence; null: nothing. */
  asks?(options: z.infer<Schema>): string | null;
  /** Whether all that it knows of connections is in conntrack, so that another router that is told carries them on. */
  sharesConntrack?(options: z.infer<Schema>): boolean;
  /** Whether conntrack on the routers has to hold every connection. */
  tracks?(options: z.infer<Schema>, targets: number): boolean;
  /** Whether it answers SYNs itself, so that neither conntrack nor targets hear of clients that do not complete the handshake. */
  answersSyns?(options: z.infer<Schema>): boolean;
  /** null: what it does cannot be predicted connection by connection. */
  oracle?(options: z.infer<Schema>, targets: number, protocol: Protocol): OracleSpec | null;
  /** Whether targets that leave are dead, while what it remembers of their connections still leads to them. */
  leavesDead?(options: z.infer<Schema>): boolean;
  /** What becomes of attempts to connect while no target is in use; null: it is not said. */
  withoutTargets?(options: z.infer<Schema>, protocol: Protocol): WithoutTargets | null;
  /** Whether it serves every VIP of the topology (`clientVips`, `vipPrefix`). Absent: the first one only. */
  servesVips?(options: z.infer<Schema>): boolean;
  /** Whether it takes a list of flows (`topology.flows`): `RouterSide.reflow` changes it. Absent: it does not. */
  servesFlows?(options: z.infer<Schema>): boolean;
  /** How many connections are let in, where that was limited; null: as many as come. */
  room?(options: z.infer<Schema>): Room | null;
  /** What becomes of a 5-tuple that is opened again soon after it was closed; null, or absent: it is not said. */
  reuse?(options: z.infer<Schema>, protocol: Protocol): Reuse | null;
  /** What becomes of a client's connection to a target's own address, from the port of its connection to the VIP; null: it is not said. */
  direct?(options: z.infer<Schema>, protocol: Protocol): Direct | null;
  /** What stop, crash, reload and upgrade cost, and what it keeps: `RouterSide.control` does them. Absent: it has no such events. */
  lifecycle?: {
    actions: readonly ("reload" | "upgrade")[];
    of(options: z.infer<Schema>, protocol: Protocol): Lifecycle | null;
  };
  /** Why it takes no other weights while it runs, as a sentence; null: `RouterSide.weigh` does it. Absent: it never does. */
  reweighs?(options: z.infer<Schema>): string | null;
  /** How it checks its targets with these options; null: it does not. Absent: as `handles` says. */
  checks?(options: z.infer<Schema>): OwnChecks | null;
  /** Which source ports connections get with the router's own address, where that was asked for; null: it was not. */
  snat?(options: z.infer<Schema>): Snat | null;
  /** The path MTU that it clamps the MSS of SYNs to; null: it does not. */
  clampMtu?(options: z.infer<Schema>): number | null;
  /** Its tunnels make packets to targets larger; null: it has none. */
  tunnelled?(options: z.infer<Schema>): Tunnelled | null;
  /** null: everything that it can balance. */
  serves?(options: z.infer<Schema>, targets: number): Served | null;
  /** The options as they are used with so many targets. Throws UsageError when they do not fit. Absent: those that have a value. */
  effectiveOptions?(options: z.infer<Schema>, targets: number): EffectiveOptions;
  /** Links as its packets need them, set up before `prepare`; `bench` compares it with plain forwarding over such links. null: as they are. */
  links?(options: z.infer<Schema>): LinkNeeds | null;
  /** What has to be done once, on other machines than the routers. */
  prepare?(lab: Lab, options: z.infer<Schema>): Promise<void>;
  /** Its part on one router. */
  router(router: Router, options: z.infer<Schema>): RouterSide | Promise<RouterSide>;
}

/** A backend that knows the type of its options' schema. */
export type DefinedBackend<Schema extends z.ZodObject> = Backend & { options: Schema };

export function defineBackend<Schema extends z.ZodObject>({
  lifecycle,
  ...definition
}: Definition<Schema>): DefinedBackend<Schema> {
  // Files from outside are not type-checked.
  if (typeof definition.router !== "function") throw new Error("'router' must be a function");
  const requires = (options: z.infer<Schema>) => definition.requires?.(options) ?? {};
  const backend: DefinedBackend<Schema> = {
    ...definition,
    handles: [
      ...(definition.handles ?? []),
      ...(definition.withoutTargets ? (["reject"] as const) : []),
      ...(lifecycle ? (["restart", ...lifecycle.actions] as const) : []),
      ...(definition.reweighs ? (["weights"] as const) : []),
      ...(definition.servesFlows ? (["flows"] as const) : []),
    ],
    ...(definition.reweighs ? { reweighs: (options: z.infer<Schema>) => definition.reweighs?.(options) ?? null } : {}),
    ...(lifecycle
      ? {
          lifecycle: (options: z.infer<Schema>, protocol: Protocol) => lifecycle.of(options, protocol),
        }
      : {}),
    requires,
    asks: (options: z.infer<Schema>) => definition.asks?.(options) ?? null,
    async missing(place, options: z.infer<Schema>) {
      const asked = definition.asks?.(options);
      return asked ? [asked] : missingOf(requires(options), place);
    },
    sharesConntrack: (options: z.infer<Schema>) => definition.sharesConntrack?.(options) ?? false,
    tracks: (options: z.infer<Schema>, targets) => definition.tracks?.(options, targets) ?? false,
    answersSyns: (options: z.infer<Schema>) => definition.answersSyns?.(options) ?? false,
    links: (options: z.infer<Schema>) => definition.links?.(options) ?? null,
    oracle: (options: z.infer<Schema>, targets, protocol) => definition.oracle?.(options, targets, protocol) ?? null,
    leavesDead: (options: z.infer<Schema>) => definition.leavesDead?.(options) ?? false,
    withoutTargets: (options: z.infer<Schema>, protocol) => definition.withoutTargets?.(options, protocol) ?? null,
    reuse: (options: z.infer<Schema>, protocol) => definition.reuse?.(options, protocol) ?? null,
    direct: (options: z.infer<Schema>, protocol) => definition.direct?.(options, protocol) ?? null,
    servesVips: (options: z.infer<Schema>) => definition.servesVips?.(options) ?? false,
    servesFlows: (options: z.infer<Schema>) => definition.servesFlows?.(options) ?? false,
    checks: (options: z.infer<Schema>) => definition.checks?.(options) ?? null,
    snat: (options: z.infer<Schema>) => definition.snat?.(options) ?? null,
    room: (options: z.infer<Schema>) => definition.room?.(options) ?? null,
    clampMtu: (options: z.infer<Schema>) => definition.clampMtu?.(options) ?? null,
    tunnelled: (options: z.infer<Schema>) => definition.tunnelled?.(options) ?? null,
    serves: (options: z.infer<Schema>, targets) => definition.serves?.(options, targets) ?? null,
    effectiveOptions: (options: z.infer<Schema>, targets) =>
      definition.effectiveOptions?.(options, targets) ?? definedOptions(options),
    async deploy(lab, options: z.infer<Schema>, active, services = 0) {
      await definition.links?.(options)?.set(lab);
      await definition.prepare?.(lab, options);
      return deployOnRouters(lab, active, services, (router) => definition.router(router, options));
    },
  };
  return backend;
}

/** Options as they are, without those that nobody gave. Lists are words with commas. */
export function definedOptions(options: BackendOptions): EffectiveOptions {
  const effective: EffectiveOptions = {};
  for (const [name, value] of Object.entries(options))
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") effective[name] = value;
    else if (Array.isArray(value)) effective[name] = value.join(",");
  return effective;
}

const without = (schema: z.ZodObject, names: readonly string[]): z.ZodObject =>
  schema.omit(Object.fromEntries(names.map((name) => [name, true])) as Record<string, true> & Record<number, never>);

/** A backend under another name with some options decided: one definition, and no second one. */
export function presetBackend<Schema extends z.ZodObject>(
  base: DefinedBackend<Schema>,
  { fixed, ...facts }: Partial<BackendFacts> & { name: string; fixed: Partial<z.infer<Schema>> },
): Backend {
  const decided = Object.keys(fixed);
  const whole = (options: BackendOptions) => ({ ...options, ...fixed });
  return {
    ...base,
    ...facts,
    options: without(base.options, decided),
    environment: (env) =>
      Object.fromEntries(Object.entries(base.environment?.(env) ?? {}).filter(([name]) => !decided.includes(name))),
    requires: (options) => base.requires(whole(options)),
    asks: (options) => base.asks?.(whole(options)) ?? null,
    missing: (place, options) => base.missing(place, whole(options)),
    sharesConntrack: (options) => base.sharesConntrack?.(whole(options)) ?? false,
    tracks: (options, targets) => base.tracks(whole(options), targets),
    answersSyns: (options) => base.answersSyns?.(whole(options)) ?? false,
    links: (options) => base.links?.(whole(options)) ?? null,
    deploy: (lab, options, active, services) => base.deploy(lab, whole(options), active, services),
    oracle: (options, targets, protocol) => base.oracle(whole(options), targets, protocol),
    leavesDead: (options) => base.leavesDead?.(whole(options)) ?? false,
    withoutTargets: (options, protocol) => base.withoutTargets?.(whole(options), protocol) ?? null,
    reuse: (options, protocol) => base.reuse?.(whole(options), protocol) ?? null,
    direct: (options, protocol) => base.direct?.(whole(options), protocol) ?? null,
    ...(base.lifecycle
      ? {
          lifecycle: (options: BackendOptions, protocol: Protocol) =>
            (base.lifecycle as NonNullable<Backend["lifecycle"]>)(whole(options), protocol),
        }
      : {}),
    ...(base.reweighs ? { reweighs: (options: BackendOptions) => base.reweighs?.(whole(options)) ?? null } : {}),
    servesVips: (options) => base.servesVips?.(whole(options)) ?? false,
    servesFlows: (options) => base.servesFlows?.(whole(options)) ?? false,
    snat: (options) => base.snat?.(whole(options)) ?? null,
    room: (options) => base.room?.(whole(options)) ?? null,
    clampMtu: (options) => base.clampMtu?.(whole(options)) ?? null,
    tunnelled: (options) => base.tunnelled?.(whole(options)) ?? null,
    serves: (options, targets) => base.serves?.(whole(options), targets) ?? null,
    effectiveOptions: (options, targets) => base.effectiveOptions(whole(options), targets),
  };
}
