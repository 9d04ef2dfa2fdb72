// SPDX-License-Identifier: Apache-2.0
// Where connections go to several VIPs: each is judged for itself.
import type { Summary } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { chiSquareP } from "./statistics.ts";

const SPREAD_P = 0.001;

interface Counted {
  planned: number;
  established: number;
  lost: number;
  lostOutsideEvents: number;
  perTarget: Map<string, number>;
}

/** First connections by VIP; only where there is more than one in a family. */
export const vips: AnalysisModule = ({ timeline }) => {
  const { streams, shares, stages } = timeline;
  const all = new Set([...streams.values()].map(({ dst }) => dst));
  const families = new Set([...all].map((dst) => dst.includes(":")));
  if (all.size <= families.size) return { part: () => ({}) };
  const counted = new Map<string, Counted>();
  for (const dst of all)
    counted.set(dst, { planned: 0, established: 0, lost: 0, lostOutsideEvents: 0, perTarget: new Map() });
  // Turns may be taken by all VIPs together: only a hash gives each of them its shares.
  let isByHash = true;
  return {
    row(row) {
      if (row.hash === null) isByHash = false;
      const of = counted.get(row.stream.dst);
      if (!of || row.recorded.generation > 0) return;
      of.planned++;
      if (row.establishedT === null) return;
      of.established++;
      if (row.lossEvent !== null) of.lost++;
      if (row.lossEvent === "outside") of.lostOutsideEvents++;
      const { target } = row.connection;
      if (target !== null) of.perTarget.set(target, (of.perTarget.get(target) ?? 0) + 1);
    },
    part() {
      const names = [...(stages[0]?.active ?? [])].sort();
      const found = [...counted].map(([vip, { perTarget, ...numbers }]) => {
        const counts = names.map((name) => perTarget.get(name) ?? 0);
        const expected = names.map((name) => (shares?.get(name) ?? 0) * numbers.established);
        const chi2P = shares && isByHash ? chiSquareP(counts, expected) : null;
        return {
          vip,
          ...numbers,
          perTarget: Object.fromEntries(names.map((name, i) => [name, counts[i] ?? 0])),
          chi2P,
        };
      });
      return { summary: { vips: found.sort((a, b) => a.vip.localeCompare(b.vip)) } };
    },
  };
};

type Found = NonNullable<Summary["vips"]>;

/** With several VIPs one of them is more likely to look uneven. */
const limitOf = (found: Found) => SPREAD_P / found.length;

/** A sentence for each VIP that fares otherwise than it must; an uneven spread may be chance. */
export function vipFailures({ vips: found = [] }: Judged): [bad: true, text: string, part?: "chance"][] {
  return found.flatMap(({ vip, planned, established, lostOutsideEvents, chi2P }) => {
    const sentences: [boolean, string, part?: "chance"][] = [
      [
        established < planned,
        `VIP ${vip}: ${count(planned - established)} of ${plural(planned, "connection")} ${was(planned - established)} not established.`,
      ],
      [
        lostOutsideEvents > 0,
        `VIP ${vip}: ${plural(lostOutsideEvents, "connection")} ${was(lostOutsideEvents)} lost outside the events.`,
      ],
      [
        chi2P !== null && chi2P < limitOf(found),
        `VIP ${vip}: the spread over the targets does not fit the expected shares (chi-square p = ${chi2P?.toExponential(1)}, limit ${limitOf(found)}).`,
        "chance",
      ],
    ];
    return sentences.flatMap(([bad, ...rest]) => (bad ? [[true, ...rest] as [true, string, "chance"?]] : []));
  });
}

export function vipMerits({ vips: found = [] }: Judged): string[] {
  if (found.length === 0) return [];
  const lowest = Math.min(...found.flatMap(({ chi2P }) => chi2P ?? []));
  const spread = Number.isFinite(lowest)
    ? `, and spread as expected (lowest chi-square p = ${lowest.toPrecision(2)})`
    : "";
  return [`The connections to each of the ${found.length} VIPs were established${spread}.`];
}
