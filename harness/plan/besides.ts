// SPDX-License-Identifier: Apache-2.0
// What comes beside connections that last: others who send, connections that come again, and those that tell when new ones are served.
import type { Plan, Scenario } from "../api/scenario.ts";
import { showsSilence } from "../events/meaning.ts";
import type { Load } from "../traffic/streams.ts";
import { UsageError } from "../util/errors.ts";
import type { RunOptions } from "./options.ts";

/** Packets a second, unless the user says how many. */
const FLOOD_PER_S = 10_000;

/** Throws UsageError where options are about others who do not send. */
export function checkFlood({ name }: Scenario, options: RunOptions, plan: Plan): void {
  const { flood, synBacklog, synCookies, protocol } = options;
  const about = synBacklog !== undefined ? "--syn-backlog" : synCookies !== undefined ? "--syn-cookies" : null;
  const given = flood !== undefined ? "--flood" : about;
  if (given && !plan.flood) throw new UsageError(`In '${name}' nobody else sends: it has no ${given}. Try 'flood'.`);
  if (plan.flood && protocol === "sctp")
    throw new UsageError(`Those who flood in '${name}' have no packets of SCTP. Try --protocol tcp.`);
  if (about && protocol === "udp")
    throw new UsageError(`${about} is about TCP's SYNs, and UDP has none. Try --protocol tcp.`);
  if (synCookies === "off" && synBacklog === undefined)
    throw new UsageError(
      "--syn-cookies off needs to know how many half-open connections have room. Add --syn-backlog.",
    );
}

export function floodPart(
  { flood: times }: Plan,
  { flood: perS = FLOOD_PER_S, synBacklog, synCookies }: RunOptions,
): Pick<Load, "flood"> {
  if (!times) return {};
  const room = synBacklog === undefined ? {} : { synBacklog };
  return { flood: { ...times, perS, ...room, ...(synCookies === undefined ? {} : { synCookies }) } };
}

/** When the first thing happens: by then all connections are there. */
export const beginsS = ({ steps, flood, directS, durationS }: Plan): number =>
  steps[0]?.atS ?? flood?.fromS ?? directS ?? durationS;

/** What comes more than once, or to targets themselves. */
export const againPart = (plan: Plan, options: RunOptions): Pick<Load, "sameTuple" | "visitsS" | "directS"> => ({
  ...(options.sameTuple || plan.sameTuple ? { sameTuple: true as const } : {}),
  ...(plan.visitsS ? { visitsS: plan.visitsS } : {}),
  ...(plan.directS === undefined ? {} : { directS: plan.directS }),
});

/** What tells when connections are not served. */
export function interruptionPart({ arrivals, steps }: Plan): Pick<Load, "arrivals" | "missed"> {
  return {
    ...(arrivals === undefined ? {} : { arrivals }),
    ...(steps.some(({ event }) => showsSilence(event)) ? { missed: true as const } : {}),
  };
}
