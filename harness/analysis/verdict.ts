import type { Summary, Verdict } from "../record/schema.ts";
import { datagramFailures, datagramMerits } from "./datagrams.ts";
import type { Fates } from "./fates.ts";

/** Below this p a spread does not fit: one alarm in a thousand fair runs, and always the same ones, as 5-tuples come from the seed. */
const SPREAD_P = 0.001;
const UNACCOUNTED_SHARE = 0.001;
const LATE_SHARE = 0.02;

const n = (count: number) => count.toLocaleString("en-US");

type Judged = Omit<Summary, "verdict" | "reasons">;

/** Every reason is one sentence with the numbers. `faults` are what of the balancer broke. */
export function judge(
  summary: Judged,
  fates: Fates,
  faults: readonly string[],
): { verdict: Verdict; reasons: string[] } {
  const failures = [...faults, ...failuresOf(summary, fates)];
  const late = lateness(summary);
  // What a generator that fell behind saw is no result, whatever it was; a balancer that broke is one.
  if (late !== null && faults.length === 0) return { verdict: "insufficient", reasons: [late, ...failures] };
  if (failures.length > 0) return { verdict: "fail", reasons: failures };
  const gaps = gapsOf(summary);
  if (gaps.length > 0) return { verdict: "insufficient", reasons: gaps };
  return { verdict: "pass", reasons: merits(summary) };
}

function failuresOf(summary: Judged, fates: Fates): string[] {
  const { connections, assigned, spread, packets } = summary;
  const unaccounted = Math.abs(packets.unaccounted) / Math.max(1, packets.sent);
  const checks: [boolean, string][] = [
    [
      fates.notInTime > 0,
      `${n(fates.notInTime)} of ${n(connections.planned)} connections were not established ${summary.events.length > 0 ? "before the first event" : "at all"}.`,
    ],
    [fates.failedConnects > 0, `${n(fates.failedConnects)} lost connections could not be opened again.`],
    [fates.unnamed > 0, `${n(fates.unnamed)} established connections were answered by no target that is known.`],
    [
      assigned.mispredicted > 0,
      `${n(assigned.mispredicted)} of ${n(assigned.checked)} connections were answered by another target than the oracle predicted.`,
    ],
    ...summary.events.map((event, i): [boolean, string] => [
      (event.mispredicted ?? 0) > 0,
      `Event ${i + 1} (${event.kind} of ${event.machines.join(", ")}): ${n(event.lost)} of ${n(event.alive)} connections were lost, ${n(event.predicted ?? 0)} predicted; ${n(event.mispredicted ?? 0)} fared differently than predicted.`,
    ]),
    ...summary.events.map(({ kind, machines, lost, alive, predicted, predictedInterval }, i): [boolean, string] => {
      const [low, high] = predictedInterval ?? [0, alive];
      return [
        lost < low || lost > high,
        `Event ${i + 1} (${kind} of ${machines.join(", ")}): ${n(lost)} of ${n(alive)} connections were lost, ${predicted?.toFixed(0)} expected, and chance explains ${low.toFixed(0)} to ${high.toFixed(0)}.`,
      ];
    }),
    [
      connections.lostOutsideEvents > 0,
      `${n(connections.lostOutsideEvents)} connections were lost outside the events.`,
    ],
    [
      fates.onInactiveTarget > 0,
      `${n(fates.onInactiveTarget)} connections were answered by a target that was not active.`,
    ],
    [
      spread.chi2P !== null && spread.chi2P < SPREAD_P,
      `The spread over the targets does not fit the expected shares (chi-square p = ${spread.chi2P?.toExponential(1)}, limit ${SPREAD_P}).`,
    ],
    [
      unaccounted > UNACCOUNTED_SHARE,
      `${n(packets.unaccounted)} of ${n(packets.sent)} packets are unaccounted for (${(unaccounted * 100).toFixed(2)} %, limit ${UNACCOUNTED_SHARE * 100} %).`,
    ],
  ];
  const failed = [...checks.flatMap(([bad, text]) => (bad ? [text] : [])), ...datagramFailures(summary)];
  return failed.length > 0 ? [...failed, ...fates.differences] : [];
}

function lateness({ generator }: Judged): string | null {
  const late = generator.lateSends / Math.max(1, generator.sends);
  return late > LATE_SHARE
    ? `The traffic generator fell behind: ${n(generator.lateSends)} of ${n(generator.sends)} sends were more than 50 ms late (${(late * 100).toFixed(1)} %, limit ${LATE_SHARE * 100} %). Try a lower --rate or fewer --connections.`
    : null;
}

/** Why there is no result at all. */
function gapsOf({ connections, events, packets, spread, targets, scenario }: Judged): string[] {
  const checks: [boolean, string][] = [
    [connections.established === 0, "No connection was established."],
    [events.some((e) => e.alive === 0), "At an event no connection was alive."],
    [
      packets.icmpErrors === 0,
      "No packet was too large for the way back, so no ICMP error had to find its target. Try a larger --size.",
    ],
    [packets.sent === 0, "No packets were counted, so none can be accounted for."],
    [
      scenario === "connect" && targets > 1 && spread.chi2P === null,
      `Too few connections to judge the spread over ${targets} targets. Try --connections ${targets * 20}.`,
    ],
  ];
  return checks.flatMap(([bad, text]) => (bad ? [text] : []));
}

function merits(summary: Judged): string[] {
  const { assigned, connections, events, packets, spread, targets } = summary;
  const exact = events.filter((e) => e.mispredicted === 0 && e.predictedInterval === null).length;
  const byChance = events.filter((e) => e.predictedInterval !== null).length;
  return [
    `All ${n(connections.planned)} connections were established.`,
    ...(assigned.checked > 0
      ? [`Each of ${n(assigned.checked)} connections was answered by the target that the oracle predicted.`]
      : []),
    ...datagramMerits(summary),
    ...((packets.icmpErrors ?? 0) > 0
      ? [
          `${n(packets.icmpErrors ?? 0)} packets were too large for the way back, and the ICMP errors found their targets.`,
        ]
      : []),
    ...(exact > 0
      ? [
          `At ${exact === events.length ? (exact === 1 ? "the event" : `all ${exact} events`) : `${exact} of ${events.length} events`} exactly the predicted connections were lost, one by one.`,
        ]
      : []),
    ...(byChance > 0
      ? [
          `At ${byChance === 1 && events.length === 1 ? "the event" : `${byChance} of ${events.length} events`} the strategy leaves to chance which connections are lost; as many were as it predicts.`,
        ]
      : []),
    ...(events.length > 0 ? ["No connection was lost outside the events."] : []),
    ...(spread.chi2P === null && targets > 1
      ? ["The spread was not judged: too few connections for the chi-square test."]
      : []),
  ];
}
