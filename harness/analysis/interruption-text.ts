// SPDX-License-Identifier: Apache-2.0
// Sentences about interruptions, and the checks of them.
import type { Interruption, Silence } from "../record/schema.ts";
import { count, plural } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { Judged } from "./part.ts";

/** A message or two that a busy machine was late with are no silence; what a balancer does not serve is longer, or denser. */
const STRAY = { missed: 3, share: 0.02, ofBefore: 5 };

/** Whether so much was missed that the balancer did not serve for a while; `before`: the share that was anyway. */
function isSilence(silence: Silence | null, before: number): boolean {
  if (silence === null || silence.missed <= STRAY.missed) return false;
  return silence.missed > silence.tried * Math.max(STRAY.share, STRAY.ofBefore * before);
}

export function interruptionFailures({ events, arrivals }: Judged): Check[] {
  const failed = arrivals?.failedOutsideEvents ?? 0;
  return [
    [failed > 0, `${plural(failed, "attempt")} to connect came to nothing while no event was under way.`],
    ...events.flatMap(({ kind, machines, interruption }, i) =>
      interruption?.expected
        ? checksOf(`Event ${i + 1} (${kind} of ${machines.join(", ")})`, interruption, interruption.expected)
        : [],
    ),
  ];
}

function checksOf(
  title: string,
  { open, fresh, missedBefore, failed, mispredicted }: Interruption,
  expected: NonNullable<Interruption["expected"]>,
): Check[] {
  const kinds = [
    ["open connections", open, expected.open],
    ["new connections", fresh, expected.fresh],
  ] as const;
  return [
    ...kinds.map(
      ([who, silence, what]): Check => [
        what === "served" && isSilence(silence, who === "open connections" ? missedBefore : 0),
        `${title}: ${who} were not served ${silence ? spanOf(silence) : ""}; this balancer goes on serving them.`,
      ],
    ),
    [
      mispredicted > 0,
      `${title}: ${count(mispredicted)} of ${plural(failed, "attempt")} to connect that came to nothing ended otherwise than predicted (${expected.fresh}).`,
    ],
  ];
}

/** What was measured, for a run that passed. */
export function interruptionMerits({ events }: Judged): string[] {
  return events.flatMap(({ kind, interruption, lost }, i) => {
    if (!interruption) return [];
    const { open, fresh } = interruption;
    const ended = lost > 0 ? `were served but for ${count(lost)} that were lost` : "were served throughout";
    const parts = [
      `open connections ${open ? `were not served ${spanOf(open)}` : ended}`,
      `new ones ${fresh ? `${spanOf(fresh)}` : "were served throughout"}`,
    ];
    return [`Event ${i + 1} (${kind}): ${parts.join(", ")}.`];
  });
}

/** Ends that are known to less than this are exact to what is printed. */
const PRINTED_MS = 1;

const spanOf = ({ fromMs, toMs, exactMs = 0, tried, missed }: Silence) =>
  `for ${(toMs - fromMs).toFixed(1)}${exactMs > PRINTED_MS ? ` ± ${(2 * exactMs).toFixed(1)}` : ""} ms (${(fromMs / 1000).toFixed(3)} to ${(toMs / 1000).toFixed(3)} s, ${count(missed)} of ${count(tried)} missed)`;
