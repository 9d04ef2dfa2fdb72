// SPDX-License-Identifier: Apache-2.0
// Who finds out about the dead that a plan has.
import { type Health, healthOf, type Timers, timersOf } from "../announce/timers.ts";
import type { Backend } from "../api/backend.ts";
import type { Plan, Scenario } from "../api/scenario.ts";
import { isFoundOut, isRouterDeath, memberNoun } from "../events/meaning.ts";
import { UsageError } from "../util/errors.ts";
import { flagName } from "./option.ts";
import type { RunOptions } from "./options.ts";

const OF_ROUTERS = ["announce", "holdTime", "bfd", "sync"] as const;
const OF_BOTH = ["detectInterval", "detectMisses"] as const;

export interface Finders {
  /** How routers that die are found; null: none does. */
  timers: Timers | null;
  /** How routers find targets that die; null: the backend does it, or none dies. */
  health: Health | null;
}

/** Throws UsageError where options are about who does not die. */
export function findersFor({ name }: Scenario, options: RunOptions, { steps }: Plan): Finders {
  const routersDie = steps.some(({ event }) => isRouterDeath(event));
  const targetsDie = steps.some(
    ({ event }) => (isFoundOut(event) || event.mute === true) && memberNoun(event) === "target",
  );
  const health = healthOf(options);
  if (health && !targetsDie)
    throw new UsageError(`In '${name}' no target dies unannounced: it has no --health. Try 'failure'.`);
  checkDamping(health, steps);
  const given = [...OF_ROUTERS, ...(health ? [] : OF_BOTH)].find((key) => options[key] !== undefined);
  if (given !== undefined && !routersDie)
    throw new UsageError(
      `In '${name}' no router dies unannounced: it has no --${flagName(given)}. Try 'router_crash'.`,
    );
  return { timers: routersDie ? timersOf(options, options.stall) : null, health };
}

/** Throws UsageError where targets that die together would leave one by one, which moves connections twice. */
function checkDamping(health: Health | null, steps: Plan["steps"]): void {
  const together = steps.some(({ event, members }) => isFoundOut(event) && members.length > 1);
  if (health && together && health.dampingMs < health.intervalMs)
    throw new UsageError(
      `Targets that die together are found up to ${health.intervalMs} ms apart: with --damping ${health.dampingMs} they would leave one by one. Try a longer one, or --scale 1.`,
    );
}

interface Fitted {
  backendOptions: Record<string, unknown>;
  routers: number;
}

/** Throws UsageError where the backend has no use for them. */
export function checkFinders({ timers, health }: Finders, backend: Backend, fitted: Fitted): void {
  checkHealth(health, backend, fitted);
  checkSync(timers, backend, fitted);
  if (timers?.by === "vrrp-both" && fitted.routers !== 2)
    throw new UsageError(
      `With --announce vrrp-both two routers stand in for each other, not ${fitted.routers}. Try --routers 2, or --announce vrrp.`,
    );
}

/** Throws UsageError where the backend checks its targets by itself. */
function checkHealth(health: Health | null, backend: Backend, { backendOptions }: Fitted): void {
  if (health && (backend.handles?.includes("health_checks") || backend.checks?.(backendOptions)))
    throw new UsageError(`'${backend.name}' checks its targets by itself: leave --health out.`);
}

/** Throws UsageError where routers cannot share what they know. */
function checkSync(timers: Timers | null, backend: Backend, { backendOptions, routers }: Fitted): void {
  if (!timers?.sync) return;
  if (!backend.sharesConntrack?.(backendOptions))
    throw new UsageError(
      `What '${backend.name}' with these options knows of connections is not conntrack's alone, or answers return to one router only: it has no --sync ${timers.sync}. Try iptables_statistic.`,
    );
  if (routers > 2) throw new UsageError(`conntrackd is between two routers, not ${routers}. Try --routers 2.`);
}
