// SPDX-License-Identifier: Apache-2.0
// Tables that only some runs have.
import type { Apart } from "../analysis/apart.ts";
import type { Summary } from "../record/schema.ts";
import { count } from "../util/numbers.ts";
import type { Table } from "./table.ts";

interface MoreTable {
  id: string;
  heading: string;
  reading: string;
  table: Table;
}

export function moreTables(summary: Summary): MoreTable[] {
  return [...afterEventsTable(summary), ...tierTable(summary), ...vipTable(summary), ...flowTable(summary)];
}

function afterEventsTable({ spreadAfterEvents: windows = [], spread }: Summary): MoreTable[] {
  if (windows.length === 0) return [];
  const targets = [...new Set([spread, ...windows].flatMap(({ perTarget }) => Object.keys(perTarget)))].sort();
  return [
    {
      id: "new-connections",
      heading: "New connections after events",
      reading: "New connections of each target from an event to the next one, with the expected number behind it.",
      table: {
        head: ["Target", ...windows.map(({ event, chi2P }) => `Event ${event}${pText(chi2P)}`)],
        rows: targets.map((target) => [
          target,
          ...windows.map(({ perTarget, expected }) => {
            const due = expected ? ` / ${count(expected[target] ?? 0)}` : "";
            return `${count(perTarget[target] ?? 0)}${due}`;
          }),
        ]),
      },
    },
  ];
}

const pText = (p: number | null) => (p === null ? "" : ` (p = ${p.toPrecision(2)})`);

function tierTable({ tiers }: Summary): MoreTable[] {
  if (!tiers) return [];
  const routers = Object.keys(tiers.perRouter);
  const targets = Object.keys(tiers.perRouter[routers[0] ?? ""] ?? {});
  return [
    {
      id: "tiers",
      heading: "Targets by router",
      reading:
        "First connections of each target by the router that they cross. Where rows are not alike, the tier in front and the balancers choose by the same hash.",
      table: {
        head: ["Target", ...routers],
        rows: targets.map((target) => [
          target,
          ...routers.map((router) => count(tiers.perRouter[router]?.[target] ?? 0)),
        ]),
      },
    },
  ];
}

const vipTable = ({ vips }: Summary): MoreTable[] =>
  apartTable(
    "VIP",
    vips?.map(({ vip: key, ...rest }) => ({ key, ...rest })),
  );
const flowTable = ({ flows }: Summary): MoreTable[] =>
  apartTable(
    "Flow",
    flows?.map(({ flow: key, ...rest }) => ({ key, ...rest })),
  );

function apartTable(noun: string, all: readonly (Apart & { key: string })[] = []): MoreTable[] {
  if (all.length === 0) return [];
  const targets = [...new Set(all.flatMap(({ perTarget }) => Object.keys(perTarget)))].sort();
  return [
    {
      id: `${noun.toLowerCase()}s`,
      heading: `${noun}s`,
      reading: `First connections to each ${noun === "VIP" ? noun : "flow"}: how many were established and lost, and which target got how many.`,
      table: {
        head: [noun, "Established", "Lost", "p of the spread", ...targets],
        rows: all.map(({ key, planned, established, lost, perTarget, chi2P }) => [
          key,
          `${count(established)} of ${count(planned)}`,
          count(lost),
          chi2P === null ? "" : chi2P.toPrecision(2),
          ...targets.map((target) => count(perTarget[target] ?? 0)),
        ]),
      },
    },
  ];
}
