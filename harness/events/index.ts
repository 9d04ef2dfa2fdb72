// SPDX-License-Identifier: Apache-2.0
// Every event kind. A further one is a file here and a line below.
import type { EventDefinition } from "../api/event.ts";
import type { EventMeaning } from "../record/schema.ts";
import { addUnknown } from "./add-unknown.ts";
import { appearance } from "./appearance.ts";
import { blackout } from "./blackout.ts";
import { blackoutEnd } from "./blackout-end.ts";
import { deadline } from "./deadline.ts";
import { deaf } from "./deaf.ts";
import { deafEnd } from "./deaf-end.ts";
import { death } from "./death.ts";
import { drift } from "./drift.ts";
import { driftEnd } from "./drift-end.ts";
import { failure } from "./failure.ts";
import { failureEnd } from "./failure-end.ts";
import { balancerKill, balancerReload, balancerRestart, balancerStop, balancerUpgrade } from "./lifecycle.ts";
import { pathLoss, pathUp } from "./path.ts";
import { reconfigure } from "./reconfigure.ts";
import { revival } from "./revival.ts";
import { routerCrash, routerLink, routerPause, routerRelink, routerResume } from "./router-death.ts";
import { routerIn } from "./router-in.ts";
import { routerOut } from "./router-out.ts";
import { scaleIn } from "./scale-in.ts";
import { scaleOut } from "./scale-out.ts";
import { weights } from "./weights.ts";

export const EVENTS = {
  scale_in: scaleIn,
  scale_out: scaleOut,
  router_out: routerOut,
  router_in: routerIn,
  blackout,
  blackout_end: blackoutEnd,
  drift,
  drift_end: driftEnd,
  failure,
  failure_end: failureEnd,
  death,
  revival,
  deadline,
  deaf,
  deaf_end: deafEnd,
  appearance,
  add_unknown: addUnknown,
  weights,
  reconfigure,
  balancer_stop: balancerStop,
  balancer_kill: balancerKill,
  balancer_restart: balancerRestart,
  balancer_reload: balancerReload,
  balancer_upgrade: balancerUpgrade,
  router_crash: routerCrash,
  router_pause: routerPause,
  router_resume: routerResume,
  router_link: routerLink,
  router_relink: routerRelink,
  path_up: pathUp,
  path_loss: pathLoss,
} satisfies Record<string, EventDefinition>;
export type EventKind = keyof typeof EVENTS;

/** An event as records and reports have it; of a kind from outside they carry the meaning too. */
export interface NamedEvent {
  kind: string;
  meaning?: EventMeaning | undefined;
}

const byKind: ReadonlyMap<string, EventDefinition> = new Map(Object.entries(EVENTS));

/** Whether it is known what the event means. */
export function isExplained({ kind, meaning }: NamedEvent): boolean {
  return meaning !== undefined || byKind.has(kind);
}

/** Throws where the kind is neither known here nor explained. */
export function meaningOf({ kind, meaning = byKind.get(kind) }: NamedEvent): EventMeaning {
  if (meaning) return meaning;
  throw new Error(`Event kind '${kind}' is unknown, and the record has no meaning for it.`);
}

/** What records and reports have to say besides the kind: nothing of those that are known here. */
export function explanationOf(event: EventMeaning | EventDefinition): { meaning?: EventMeaning } {
  if (byKind.has(event.kind)) return {};
  const { apply: _, before: __, ...meaning } = { apply: null, before: null, ...event };
  return { meaning };
}
