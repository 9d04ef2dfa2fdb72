// SPDX-License-Identifier: Apache-2.0
// Why a run fails: each reason is one sentence with the numbers.
import { meaningOf } from "../events/index.ts";
import { memoryOf, type OracleSpec } from "../oracle/oracle.ts";
import { count, plural, was } from "../util/numbers.ts";
import { packetFailures } from "./accounts.ts";
import { collideFailures } from "./collide.ts";
import { type Culprits, howAndWhere, staleFailures } from "./culprits.ts";
import { datagramFailures } from "./datagrams.ts";
import { directFailures } from "./direct.ts";
import { failoverFailures } from "./failover.ts";
import { floodFailures } from "./flood.ts";
import { forgottenFailures } from "./forgotten-text.ts";
import { lostOnTheWay, spoiltOnTheWay } from "./impaired.ts";
import { integrityFailures } from "./integrity.ts";
import { interruptionFailures } from "./interruption-text.ts";
import { outageFailures } from "./outage.ts";
import type { Evidence, Judged } from "./part.ts";
import { pathMtuFailures } from "./path-mtu.ts";
import { reuseFailures } from "./reuse.ts";
import { roomFailures } from "./room.ts";
import { flowFailures } from "./services.ts";
import { snatFailures } from "./snat.ts";
import { sourcesFailures } from "./sources.ts";
import { splitFailures } from "./split.ts";
import { spreadAfterEventsFailures } from "./spread-after-events.ts";
import { staleStateFailures } from "./stale-state.ts";
import { tierFailures } from "./tiers.ts";
import { vipFailures } from "./vips.ts";
import { whence } from "./whence.ts";

/** Below this p a spread does not fit: one alarm in a thousand fair runs, and always the same ones, as 5-tuples come from the seed. */
const SPREAD_P = 0.001;
/** Drop counters of a balancer without an available target. */
const NO_TARGET = /(^|_)no_target$/;

/** Whether it is bad, its sentence, and "chance" where a faultless balancer fails it now and then. */
export type Check = [bad: boolean, text: string, part?: "chance"];

/** The checks that do not hold. */
export function failuresOf(summary: Judged, evidence: Evidence, oracle: OracleSpec | null): Check[] {
  return [
    ...splitFailures(summary),
    ...checksOf(summary, evidence).filter(([bad]) => bad),
    ...[datagramFailures, integrityFailures, packetFailures]
      .flatMap((of) => of(summary))
      .map((text): Check => [true, text]),
    ...spreadAfterEventsFailures(summary).map((text): Check => [true, text, "chance"]),
    ...tierFailures(summary).map((text): Check => [true, text, "chance"]),
    ...vipFailures(summary),
    ...flowFailures(summary),
    ...queuedTooMany(summary, evidence, oracle),
  ];
}

function droppedWithoutTarget({ dropped }: Judged["packets"]): number {
  return Object.entries(dropped).reduce((sum, [name, n]) => sum + (NO_TARGET.test(name) ? n : 0), 0);
}

/** What the summary alone tells. */
const OF_SUMMARY: readonly ((summary: Judged) => Check[])[] = [
  affinityFailures,
  sourcesFailures,
  forgottenFailures,
  outageFailures,
  interruptionFailures,
  failoverFailures,
  staleStateFailures,
  pathMtuFailures,
  roomFailures,
  snatFailures,
  reuseFailures,
  directFailures,
  collideFailures,
  floodFailures,
];

function checksOf(summary: Judged, outcomes: Evidence): Check[] {
  const { connections, assigned, spread, packets } = summary;
  const { culprits, late } = outcomes;
  const both = summary.family === "both";
  const withoutTarget = droppedWithoutTarget(packets);
  const spoilt = spoiltOnTheWay(summary);
  return [
    [
      outcomes.notInTime - late.byLab > spoilt,
      `${count(outcomes.notInTime)} of ${plural(connections.planned, "connection")} ${was(outcomes.notInTime)} not established ${summary.events.length > 0 && !summary.open ? "before the first event" : "at all"}${whence(culprits.notInTime, "on", both)}.${late.others.map((text) => ` ${text}`).join("")}`,
    ],
    [
      outcomes.failedConnects > spoilt,
      `${plural(outcomes.failedConnects, "lost connection")} could not be opened again.`,
    ],
    [
      outcomes.unnamed > 0,
      `${plural(outcomes.unnamed, "established connection")} ${was(outcomes.unnamed)} answered by no known target.`,
    ],
    [
      assigned.mispredicted > 0,
      `${count(assigned.mispredicted)} of ${plural(assigned.checked, "connection")} ${was(assigned.mispredicted)} answered by another target than the oracle predicted.`,
    ],
    ...outcomes.answersAs.map(
      ({ target, name, connections: n }): Check => [
        true,
        `${target} answers as ${name}: ${plural(n, "connection")} predicted for it ${was(n)} answered by that name, and no other.`,
      ],
    ),
    ...lossFailures(summary.events, culprits.unpredicted, both),
    ...staleFailures(culprits.stale, summary.events).map((text): Check => [true, text]),
    ...OF_SUMMARY.flatMap((failures) => failures(summary)),
    [
      connections.lostOutsideEvents > lostOnTheWay(summary),
      `${plural(connections.lostOutsideEvents, "connection")} ${was(connections.lostOutsideEvents)} lost outside the events${howAndWhere(culprits.lostOutside, both)}.`,
    ],
    [
      outcomes.onInactiveTarget > 0,
      `${plural(outcomes.onInactiveTarget, "connection")} ${was(outcomes.onInactiveTarget)} answered by an inactive target.`,
    ],
    [
      packets.sent > 0 && withoutTarget > 0 && !outcomes.outage,
      `${plural(withoutTarget, "packet")} ${was(withoutTarget)} dropped with no target available, although one was always active: the table was empty, or is replaced in steps.`,
    ],
    ...outcomes.withoutShare.map(
      ({ target, connections: some }): Check => [
        true,
        `${plural(some, "connection")} ${was(some)} answered by ${target}; this strategy gives it none while the others are active.`,
      ],
    ),
    [
      outcomes.withoutShare.length === 0 && spread.chi2P !== null && spread.chi2P < SPREAD_P,
      `The spread over the targets does not fit the expected shares (chi-square p = ${spread.chi2P?.toExponential(1)}, limit ${SPREAD_P}).`,
      "chance",
    ],
  ];
}

/** Losses at events, against each prediction and against chance. */
function lossFailures(events: Judged["events"], unpredicted: Culprits["unpredicted"], both: boolean): Check[] {
  const title = ({ kind, machines, lost, alive }: Judged["events"][number], i: number) =>
    `Event ${i + 1} (${kind} of ${machines.join(", ")}): ${count(lost)} of ${plural(alive, "connection")} ${was(lost)} lost`;
  return [
    ...events.map((event, i): Check => {
      const wrong = event.mispredicted ?? 0;
      return [
        wrong > 0,
        `${title(event, i)}, ${count(event.predicted ?? 0)} predicted; ${plural(wrong, "outcome")} mispredicted${howAndWhere(unpredicted[i] ?? [], both)}.`,
      ];
    }),
    ...events.map((event, i): Check => {
      const [low, high] = event.predictedInterval ?? [0, event.alive];
      return [
        event.lost < low || event.lost > high,
        `${title(event, i)}, ${event.predicted?.toFixed(0)} expected, ${low.toFixed(0)} to ${high.toFixed(0)} by chance.`,
        "chance",
      ];
    }),
  ];
}

function affinityFailures({ affinity }: Judged): Check[] {
  if (!affinity) return [];
  const { inTime, late } = affinity;
  const [low, high] = late.interval;
  return [
    [
      inTime.moved > 0,
      `${count(inTime.moved)} of ${plural(inTime.visits, "visit")} moved to another target before the affinity of the source expired.`,
    ],
    [
      late.moved < low || late.moved > high,
      `${count(late.moved)} of ${plural(late.visits, "visit")} after the affinity expired moved to another target, ${late.expected.toFixed(0)} expected, ${low.toFixed(0)} to ${high.toFixed(0)} by chance.`,
      "chance",
    ],
  ];
}

/** Attackers' connections, and those that a flood begins and never finishes. */
const ofOthers = ({ collide, flood }: Judged) =>
  (collide ? collide.knows.connections + collide.guesses.connections : 0) + (flood?.of === "syn" ? flood.sent : 0);

/**
 * A strategy that remembers connections by marks asks user space once for each connection, and again when it forgets one or
 * when a connection comes to another router; some SYNs are sent twice.
 */
function queuedTooMany(summary: Judged, { failedConnects, outage }: Evidence, oracle: OracleSpec | null): Check[] {
  const { userSpace, connections, arrivals, events, protocol, forgotten, generator, packets } = summary;
  if (!userSpace || memoryOf(oracle, protocol) !== "mark") return [];
  const rerouted = events
    .filter((event) => meaningOf(event).subject === "routers")
    .reduce((sum, { alive }) => sum + alive, 0);
  const due =
    (arrivals?.attempts ?? 0) +
    connections.established +
    connections.lost +
    failedConnects +
    ofOthers(summary) +
    rerouted +
    (forgotten ? generator.sends : 0) +
    (outage ? droppedWithoutTarget(packets) : 0);
  const most = Math.ceil(due * 1.1) + 10;
  return userSpace.queued > most
    ? [
        [
          true,
          `${count(userSpace.queued)} of ${plural(userSpace.packets, "packet")} went to user space, ${count(due)} expected for these connections and events (limit ${count(most)}).`,
        ],
      ]
    : [];
}
