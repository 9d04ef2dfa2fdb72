// SPDX-License-Identifier: Apache-2.0
import { meaningOf } from "../events/index.ts";
import { isFoundOut } from "../events/meaning.ts";
import { memoryOf, type OracleSpec } from "../oracle/oracle.ts";
import type { Summary } from "../record/schema.ts";
import { datagramFailures, datagramMerits } from "./datagrams.ts";
import type { Evidence, Judged } from "./part.ts";

/** Below this p a spread does not fit: one alarm in a thousand fair runs, and always the same ones, as 5-tuples come from the seed. */
const SPREAD_P = 0.001;
const UNACCOUNTED_SHARE = 0.001;
const LATE_SHARE = 0.02;
/** So many are expected on the target with the smallest share, where there are enough to judge the spread. */
const CONNECTIONS_PER_TARGET = 20;
/** Names of drops of which a balancer says that it had no target to send to. */
const WANT = /(^|_)no_target$/;
const UNJUDGED_SHARE = 0.1;

const n = (count: number) => count.toLocaleString("en-US");

/** Whether it is bad, its sentence, and "chance" where a faultless balancer fails it now and then. */
type Check = [bad: boolean, text: string, part?: "chance"];

interface Findings {
  summary: Judged;
  evidence: Evidence;
  /** Sentences about connections whose fate differs from the prediction. */
  differences: readonly string[];
  /** What of the balancer broke. */
  faults: readonly string[];
  oracle: OracleSpec | null;
}

/** Every reason is one sentence with the numbers. `faults` are what of the balancer broke. */
export function judge({
  summary,
  evidence: outcomes,
  differences,
  faults,
  oracle,
}: Findings): Pick<Summary, "verdict" | "reasons" | "deterministicFailures"> {
  const failed = [...failuresOf(summary, outcomes), ...queuedTooMany(summary, outcomes, oracle)];
  const deterministicFailures = [...faults, ...failed.flatMap(([, text, part]) => (part === "chance" ? [] : [text]))];
  const failures = [...faults, ...failed.map(([, text]) => text)];
  if (failed.length > 0) failures.push(...differences);
  const late = lateness(summary);
  // What a generator that fell behind saw is no result, whatever it was; a balancer that broke is one.
  if (late !== null && faults.length === 0)
    return { verdict: "insufficient", reasons: [late, ...failures], deterministicFailures };
  if (failures.length > 0) return { verdict: "fail", reasons: failures, deterministicFailures };
  const gaps = gapsOf(summary, outcomes);
  if (gaps.length > 0) return { verdict: "insufficient", reasons: gaps, deterministicFailures };
  return { verdict: "pass", reasons: merits(summary), deterministicFailures };
}

function failuresOf(summary: Judged, outcomes: Evidence): Check[] {
  const { connections, assigned, spread, packets } = summary;
  const unaccounted = Math.abs(packets.unaccounted) / Math.max(1, packets.sent);
  const withoutTarget = Object.entries(packets.dropped).reduce((sum, [name, n]) => sum + (WANT.test(name) ? n : 0), 0);
  const checks: Check[] = [
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
  return [...checks.filter(([bad]) => bad), ...datagramFailures(summary).map((text): Check => [true, text])];
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

function lateness({ generator }: Judged): string | null {
  const late = generator.lateSends / Math.max(1, generator.sends);
  return late > LATE_SHARE
    ? `The traffic generator fell behind: ${n(generator.lateSends)} of ${n(generator.sends)} sends were more than 50 ms late (${(late * 100).toFixed(1)} %, limit ${LATE_SHARE * 100} %). Try a lower --rate or fewer --connections.`
    : null;
}

/** Why there is no result at all. */
function gapsOf(summary: Judged, { smallestShare }: Evidence): string[] {
  const { connections, events, packets, spread, targets, scenario, affinity } = summary;
  const enough = Math.ceil(CONNECTIONS_PER_TARGET / (smallestShare ?? 1 / targets) - 1e-6);
  const checks: [boolean, string][] = [
    [connections.established === 0, "No connection was established."],
    [events.some((e) => e.alive === 0), "At an event no connection was alive."],
    [
      packets.icmpErrors === 0,
      "No packet was too large for the way back, so no ICMP error had to find its target. Try a larger --size.",
    ],
    [packets.sent === 0, "No packets were counted, so none can be accounted for."],
    [
      scenario === "connect" && targets > 1 && spread.chi2P === null && !spread.unpredicted,
      `Too few connections to judge the spread over ${targets} targets. Try --connections ${enough}.`,
    ],
  ];
  if (affinity) {
    const { inTime, late, unjudged } = affinity;
    const judged = inTime.visits + late.visits;
    checks.push(
      [inTime.visits === 0, "No source came back before its affinity expired. Try visits closer together with --at."],
      [
        unjudged > judged * UNJUDGED_SHARE,
        `${n(unjudged)} of ${n(unjudged + judged)} visits came so close to the limit that nobody can tell whether they were in time. Try other times with --at.`,
      ],
    );
  }
  return checks.flatMap(([bad, text]) => (bad ? [text] : []));
}

function affinityMerits({ affinity }: Judged): string[] {
  if (!affinity) return [];
  const { sources, inTime, late } = affinity;
  const [low, high] = late.interval;
  return [
    `Each of ${n(inTime.visits)} visits by ${n(sources)} sources in time came to the target of the visit before.`,
    ...(late.visits > 0
      ? [
          `Of ${n(late.visits)} visits after the affinity had expired ${n(late.moved)} came to another target; chance explains ${low.toFixed(0)} to ${high.toFixed(0)}.`,
        ]
      : []),
  ];
}

function merits(summary: Judged): string[] {
  const { assigned, connections, events, packets, userSpace } = summary;
  const tooLarge = packets.icmpErrors ?? 0;
  return [
    `All ${n(connections.planned)} connections were established.`,
    ...when(
      assigned.checked > 0,
      `Each of ${n(assigned.checked)} connections was answered by the target that the oracle predicted.`,
    ),
    ...datagramMerits(summary),
    ...when(
      tooLarge > 0,
      `${n(tooLarge)} packets were too large for the way back, and the ICMP errors found their targets.`,
    ),
    ...eventMerits(events),
    ...affinityMerits(summary),
    ...when(events.length > 0, "No connection was lost outside the events."),
    ...(userSpace && userSpace.queued < userSpace.packets
      ? [`${n(userSpace.queued)} of ${n(userSpace.packets)} packets for the VIP went to user space.`]
      : []),
    ...spreadRemark(summary),
  ];
}

const when = (holds: boolean, sentence: string) => (holds ? [sentence] : []);

function eventMerits(events: Judged["events"]): string[] {
  const exact = events.filter((e) => e.mispredicted === 0 && e.predictedInterval === null).length;
  const byChance = events.filter((e) => e.predictedInterval !== null).length;
  const all = exact === 1 ? "the event" : `all ${exact} events`;
  const some = (part: number) => `${part} of ${events.length} events`;
  return [
    ...when(
      exact > 0,
      `At ${exact === events.length ? all : some(exact)} exactly the predicted connections were lost, one by one.`,
    ),
    ...when(
      byChance > 0,
      `At ${byChance === 1 && events.length === 1 ? "the event" : some(byChance)} the strategy leaves to chance which connections are lost; as many were as it predicts.`,
    ),
    ...events
      .filter((event) => isFoundOut(meaningOf(event)))
      .map((event) => {
        const { past, found = past } = meaningOf(event).words;
        const seconds = ((event.inForceMs - event.askedMs) / 1000).toFixed(2);
        return `That ${event.machines.join(", ")} ${found} the balancer found out by itself after ${seconds} s.`;
      }),
  ];
}

function spreadRemark({ spread, targets }: Judged): string[] {
  if (spread.chi2P !== null || targets <= 1) return [];
  return [
    spread.unpredicted
      ? "The spread was not judged: this strategy has no shares that hold."
      : "The spread was not judged: too few connections for the chi-square test.",
  ];
}
