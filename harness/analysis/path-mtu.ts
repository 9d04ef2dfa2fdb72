// SPDX-License-Identifier: Apache-2.0
// A path that is narrower than its links, where nothing tells of it: which connections hang, by the size of the answers alone.
import type { Event, EventOf, Family, Summary } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import type { Row } from "./rows.ts";

type Path = EventOf<"path">;
type PathMtu = NonNullable<Summary["pathMtu"]>;

const IP_HEADER = { 4: 20, 6: 40 } as const;
/** With the time stamps that Linux puts into every segment. */
const TCP_HEADER = 20 + 12;

/** Bytes of the largest packet of an answer; a clamped MSS leaves room for the headers. */
export function largestPacket({ size, clampMtu }: Pick<Path, "size" | "clampMtu">, family: Family): number {
  return Math.min(size + TCP_HEADER + IP_HEADER[family], clampMtu ?? Number.POSITIVE_INFINITY);
}

export const pathOf = (events: readonly Event[]): Path | null => events.find((e) => e.kind === "path") ?? null;

/** Nothing larger than the path passes, and no sender hears of it. */
export function hangs(path: Path | null, family: Family): boolean {
  return path !== null && path.icmp === "drop" && largestPacket(path, family) > path.mtu;
}

export const pathMtu: AnalysisModule = ({ events, timeline }) => {
  const path = pathOf(events);
  if (!path) return { part: () => ({}) };
  const streams = [...timeline.streams.values()];
  const predicted = streams.reduce((sum, s) => sum + (hangs(path, s.family) ? s.connections : 0), 0);
  const found = { hang: 0, predicted, mispredicted: 0 };
  return {
    row(row) {
      if (row.recorded.generation > 0) return;
      const hung = isHung(row);
      found.hang += Number(hung);
      found.mispredicted += Number(hung !== hangs(path, row.stream.family));
    },
    part() {
      const { mtu, icmp, clampMtu } = path;
      return { summary: { pathMtu: { mtu, icmp, ...(clampMtu === undefined ? {} : { clampMtu }), ...found } } };
    },
  };
};

/** Open, but never answered, or lost to silence. */
function isHung(row: Row): boolean {
  const { cause } = row.establishedT === null ? row.recorded : row.connection;
  return row.establishedT === null ? cause !== "refused" && cause !== "reset" : cause === "stalled";
}

const isBlackHole = ({ icmp, predicted }: PathMtu) => icmp === "drop" && predicted > 0;

const whatHung = ({ hang, predicted, mtu }: PathMtu, planned: number) =>
  `Path MTU black hole: ICMP filtered: ${count(hang)} of ${plural(planned, "connection")} ${hang === 1 ? "hangs" : "hang"}, as answers are larger than the path MTU (${mtu}) and nothing tells the target; ${count(predicted)} ${was(predicted)} predicted`;

export function pathMtuFailures({ pathMtu: found, connections }: Judged): Check[] {
  if (!found) return [];
  const { mispredicted } = found;
  return [
    [
      mispredicted > 0,
      isBlackHole(found)
        ? `${whatHung(found, connections.planned)}; ${plural(mispredicted, "connection")} fared differently.`
        : `${plural(mispredicted, "connection")} ${mispredicted === 1 ? "hangs" : "hang"}, although no answer is larger than the path MTU (${found.mtu}).`,
    ],
  ];
}

export function pathMtuMerits({ pathMtu: found, connections }: Judged): string[] {
  if (!found) return [];
  if (isBlackHole(found))
    return [
      `${whatHung(found, connections.planned)}, each by its family and size. A cure: --set mssClamp=${found.mtu} where the backend has it.`,
    ];
  const clamped = found.clampMtu === undefined ? "" : `The MSS was clamped to a path MTU of ${found.clampMtu}: `;
  const filtered = found.icmp === "drop" ? ", although ICMP errors were filtered" : "";
  return [
    `${clamped}${clamped ? "n" : "N"}o answer was larger than the path MTU (${found.mtu}), and none hung${filtered}.`,
  ];
}
