// SPDX-License-Identifier: Apache-2.0
// Datagrams that were sent in fragments: how many came through whole, by the order of their fragments.
import type { Datagrams, Event, Summary } from "../record/schema.ts";
import { count, plural } from "../util/numbers.ts";
import type { AnalysisModule } from "./part.ts";

export const datagrams: AnalysisModule = ({ events }) => {
  const sums = sumDatagrams(events);
  return { part: () => (sums.length > 0 ? { summary: { datagrams: sums } } : {}) };
};

/** Of all streams together; empty when none sent fragments. */
export function sumDatagrams(events: readonly Event[]): Datagrams[] {
  const sums = new Map<string, Datagrams>();
  for (const event of events) {
    if (event.kind !== "datagrams") continue;
    for (const one of event.patterns) {
      const sum = sums.get(one.pattern);
      if (sum) for (const key of COUNTS) sum[key] += one[key];
      else sums.set(one.pattern, { ...one });
    }
  }
  return [...sums.values()];
}

const COUNTS = [
  "sent",
  "arrived",
  "incompleteSent",
  "incompleteDelivered",
  "corrupt",
  "duplicates",
  "wrongTarget",
] as const;

/** Shares of datagrams that may be lost: fewer when nothing has to wait for its first fragment. */
const MOST_LOST = { in_order: 0.001, other: 0.01 } as const;

/** One sentence for each thing that is not as it must be. */
export function datagramFailures({ datagrams = [] }: Pick<Summary, "datagrams">): string[] {
  return datagrams.flatMap(
    ({ pattern, sent, arrived, incompleteSent, incompleteDelivered, corrupt, duplicates, wrongTarget }) => {
      const most = pattern === "in_order" ? MOST_LOST.in_order : MOST_LOST.other;
      const share = (sent - arrived) / Math.max(1, sent);
      const name = pattern.replaceAll("_", " ");
      const checks: [boolean, string][] = [
        [
          share > most,
          `${count(sent - arrived)} of ${plural(sent, "datagram")} (${name}) did not arrive whole (${(share * 100).toFixed(2)} %, limit ${most * 100} %).`,
        ],
        [corrupt > 0, `${plural(corrupt, "datagram")} (${name}) arrived corrupted.`],
        [
          pattern === "gaps" && incompleteDelivered > 0,
          `${count(incompleteDelivered)} of ${plural(incompleteSent, "incomplete datagram")} arrived.`,
        ],
        [duplicates > 0, `${plural(duplicates, "datagram")} (${name}) arrived more than once.`],
        [
          wrongTarget > 0,
          `${plural(wrongTarget, "datagram")} (${name}) arrived at another target than the first datagram of the flow.`,
        ],
      ];
      return checks.flatMap(([bad, text]) => (bad ? [text] : []));
    },
  );
}

/** What there is to say when all is well. */
export function datagramMerits({ datagrams = [] }: Pick<Summary, "datagrams">): string[] {
  const sum = (of: (one: Datagrams) => number) => datagrams.reduce((total, one) => total + of(one), 0);
  const incompleteSent = sum((one) => one.incompleteSent);
  if (datagrams.length === 0) return [];
  return [
    `${count(sum((one) => one.arrived))} of ${plural(
      sum((one) => one.sent),
      "fragmented datagram",
    )} arrived whole, each at the target of its flow.`,
    ...(incompleteSent > 0 ? [`${count(incompleteSent)} more were incomplete or inconsistent and did no harm.`] : []),
  ];
}
