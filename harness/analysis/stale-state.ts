// SPDX-License-Identifier: Apache-2.0
// Targets that died, of which the balancer was told, while what it remembers of their connections still led to them.
import { meaningOf } from "../events/index.ts";
import type { EventSummary } from "../record/schema.ts";
import { count, list, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { Judged } from "./part.ts";

const isDeath = (event: EventSummary) => meaningOf(event).dead === true;
const hung = ({ byCause: { stalled = 0, timeout = 0 } }: EventSummary) => stalled + timeout;

/** Nobody answers for the dead: what ends otherwise was not led there any more. */
export function staleStateFailures({ events }: Judged): Check[] {
  return events.filter(isDeath).map((event): Check => {
    const ended = event.lost - hung(event);
    const causes = Object.entries(event.byCause).filter(([cause]) => cause !== "stalled" && cause !== "timeout");
    return [
      ended > 0,
      `${plural(ended, "connection")} to ${event.machines.join(", ")}, which had died, ${was(ended)} not black-holed by stale state, but ended: ${list(causes.map(([cause, n]) => `${count(n)} by ${cause}`))}.`,
    ];
  });
}

export function staleStateMerits({ events }: Judged): string[] {
  return events
    .filter((event) => isDeath(event) && event.lost > 0)
    .map(
      (event) =>
        `${event.machines.join(", ")} ${meaningOf(event).words.past}: ${plural(hung(event), "connection")} ${was(hung(event))} black-holed for as long as they sent, by stale state that still led there; new ones went to other targets.`,
    );
}
