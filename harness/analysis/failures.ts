// SPDX-License-Identifier: Apache-2.0
// Why a run fails: each reason is one sentence with the numbers.
import { meaningOf } from "../events/index.ts";
import { memoryOf, type OracleSpec } from "../oracle/oracle.ts";
import { datagramFailures } from "./datagrams.ts";
import { integrityFailures } from "./integrity.ts";
import type { Evidence, Judged } from "./part.ts";

/** Below this p a spread does not fit: one alarm in a thousand fair runs, and always the same ones, as 5-tuples come from the seed. */
const SPREAD_P = 0.001;
const UNACCOUNTED_SHARE = 0.001;
/** Names of drops of which a balancer says that it had no target to send to. */
const WANT = /(^|_)no_target$/;

const n = (count: number) => count.toLocaleString("en-US");

/** Whether it is bad, its sentence, and "chance" where a faultless balancer fails it now and then. */
type Check = [bad: boolean, text: string, part?: "chance"];

/** The checks that do not hold. */
export function failuresOf(summary: Judged, evidence: Evidence, oracle: OracleSpec | null): Check[] {
  return [
    ...checksOf(summary, evidence).filter(([bad]) => bad),
    ...[...datagramFailures(summary), ...integrityFailures(summary)].map((text): Check => [true, text]),
    ...queuedTooMany(summary, evidence, oracle),
  ];
}

function checksOf(summary: Judged, outcomes: Evidence): Check[] {
  const { connections, assigned, spread, packets } = summary;
  const unaccounted = Math.abs(packets.unaccounted) / Math.max(1, packets.sent);
  const withoutTarget = Object.entries(packets.dropped).reduce((sum, [name, n]) => sum + (WANT.test(name) ? n : 0), 0);
  return [
    [
      outcomes.notInTime > 0,
      `${n(outcomes.notInTime)} of ${n(connections.planned)} connections were not established ${summary.events.length > 0 ? "before the first event" : "at all"}.`,
    ],
    [outcomes.failedConnects > 0, `${n(outcomes.failedConnects)} lost connections could not be opened again.`],
    [outcomes.unnamed > 0, `${n(outcomes.unnamed)} established connections were answered by no target that is known.`],
    [
      assigned.mispredicted > 0,
      `${n(assigned.mispredicted)} of ${n(assigned.checked)} connections were answered by another target than the oracle predicted.`,
    ],
    ...summary.events.map(
      (event, i): Check => [
        (event.mispredicted ?? 0) > 0,
        `Event ${i + 1} (${event.kind} of ${event.machines.join(", ")}): ${n(event.lost)} of ${n(event.alive)} connections were lost, ${n(event.predicted ?? 0)} predicted; ${n(event.mispredicted ?? 0)} fared differently than predicted.`,
      ],
    ),
    ...summary.events.map(({ kind, machines, lost, alive, predicted, predictedInterval }, i): Check => {
      const [low, high] = predictedInterval ?? [0, alive];
      return [
        lost < low || lost > high,
        `Event ${i + 1} (${kind} of ${machines.join(", ")}): ${n(lost)} of ${n(alive)} connections were lost, ${predicted?.toFixed(0)} expected, and chance explains ${low.toFixed(0)} to ${high.toFixed(0)}.`,
        "chance",
      ];
    }),
    ...affinityFailures(summary),
    [
      connections.lostOutsideEvents > 0,
      `${n(connections.lostOutsideEvents)} connections were lost outside the events.`,
    ],
    [
      outcomes.onInactiveTarget > 0,
      `${n(outcomes.onInactiveTarget)} connections were answered by a target that was not active.`,
    ],
    [
      packets.sent > 0 && withoutTarget > 0,
      `${n(withoutTarget)} packets were dropped for want of a target, though there always was an active one: its table was empty, or is replaced in steps.`,
    ],
    ...outcomes.withoutShare.map(
      ({ target, connections: some }): Check => [
        true,
        `${n(some)} connections were answered by ${target}, which gets none by this strategy while the others are active.`,
      ],
    ),
    [
      outcomes.withoutShare.length === 0 && spread.chi2P !== null && spread.chi2P < SPREAD_P,
      `The spread over the targets does not fit the expected shares (chi-square p = ${spread.chi2P?.toExponential(1)}, limit ${SPREAD_P}).`,
      "chance",
    ],
    [
      unaccounted > UNACCOUNTED_SHARE,
      `${n(packets.unaccounted)} of ${n(packets.sent)} packets are unaccounted for (${(unaccounted * 100).toFixed(2)} %, limit ${UNACCOUNTED_SHARE * 100} %).`,
    ],
  ];
}

function affinityFailures({ affinity }: Judged): Check[] {
  if (!affinity) return [];
  const { inTime, late } = affinity;
  const [low, high] = late.interval;
  return [
    [
      inTime.moved > 0,
      `${n(inTime.moved)} of ${n(inTime.visits)} visits came to another target than the visit before, although the source's affinity had not expired.`,
    ],
    [
      late.moved < low || late.moved > high,
      `Of ${n(late.visits)} visits after the affinity had expired ${n(late.moved)} came to another target, ${late.expected.toFixed(0)} expected, and chance explains ${low.toFixed(0)} to ${high.toFixed(0)}.`,
      "chance",
    ],
  ];
}

/**
 * A strategy that remembers connections by marks asks user space once for each connection, and again when it forgets one or
 * when a connection comes to another router; some SYNs are sent twice.
 */
function queuedTooMany(
  { userSpace, connections, events, protocol }: Judged,
  { failedConnects }: Evidence,
  oracle: OracleSpec | null,
): Check[] {
  if (!userSpace || memoryOf(oracle, protocol) !== "mark") return [];
  const rerouted = events
    .filter((event) => meaningOf(event).subject === "routers")
    .reduce((sum, { alive }) => sum + alive, 0);
  const due = connections.established + connections.lost + failedConnects + rerouted;
  const most = Math.ceil(due * 1.1) + 10;
  return userSpace.queued > most
    ? [
        [
          true,
          `${n(userSpace.queued)} of ${n(userSpace.packets)} packets went to user space; ${n(due)} are due for these connections and events, and ${n(most)} the limit.`,
        ],
      ]
    : [];
}
