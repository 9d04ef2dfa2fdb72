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
/** Of the networks of routers and targets. */
const LINK_MTU = 1500;

/** Bytes of the largest packet of an answer; a clamped MSS leaves room for the headers. */
export function largestPacket({ size, clampMtu }: Pick<Path, "size" | "clampMtu">, family: Family): number {
  return Math.min(size + TCP_HEADER + IP_HEADER[family], clampMtu ?? Number.POSITIVE_INFINITY);
}

export const pathOf = (events: readonly Event[]): Path | null => events.find((e) => e.kind === "path") ?? null;

/** Bytes of the largest packet of a request in its tunnel; 0: there is none. */
export function largestInTunnel({ size, tunnel }: Pick<Path, "size" | "tunnel">, family: Family): number {
  if (!tunnel) return 0;
  const most = tunnel.announceMtu ?? LINK_MTU;
  return Math.min(size + TCP_HEADER + IP_HEADER[family], most) + tunnel[`ipv${family}`];
}

type Hang = "answers" | "tunnel" | null;

/** Nothing larger than the path passes, and no sender hears of it; nor anything larger than the links with its tunnel's header. */
function whyHangs(path: Path | null, family: Family): Hang {
  if (path === null || path.icmp !== "drop") return null;
  if (largestPacket(path, family) > path.mtu) return "answers";
  return largestInTunnel(path, family) > LINK_MTU ? "tunnel" : null;
}

export const hangs = (path: Path | null, family: Family): boolean => whyHangs(path, family) !== null;

export const pathMtu: AnalysisModule = ({ events, timeline }) => {
  const path = pathOf(events);
  if (!path) return { part: () => ({}) };
  const streams = [...timeline.streams.values()];
  const those = (why: Hang) =>
    streams.reduce((sum, s) => sum + (whyHangs(path, s.family) === why ? s.connections : 0), 0);
  const byTunnel = those("tunnel");
  const found = { hang: 0, predicted: those("answers") + byTunnel, mispredicted: 0 };
  return {
    row(row) {
      if (row.recorded.generation > 0) return;
      const hung = isHung(row);
      found.hang += Number(hung);
      found.mispredicted += Number(hung !== hangs(path, row.stream.family));
    },
    part() {
      const { mtu, icmp, clampMtu } = path;
      const given = { ...(clampMtu === undefined ? {} : { clampMtu }), ...(byTunnel > 0 ? { byTunnel } : {}) };
      return { summary: { pathMtu: { mtu, icmp, ...given, ...found } } };
    },
  };
};

/** Open, but never answered, or lost to silence. */
function isHung(row: Row): boolean {
  const { cause } = row.establishedT === null ? row.recorded : row.connection;
  return row.establishedT === null ? cause !== "refused" && cause !== "reset" : cause === "stalled";
}

const isBlackHole = ({ icmp, predicted }: PathMtu) => icmp === "drop" && predicted > 0;

function whatHung({ hang, predicted, mtu, byTunnel = 0 }: PathMtu, planned: number): string {
  const answers = `answers are larger than the path MTU (${mtu}) and nothing tells the target`;
  const requests = `requests and their tunnel's header are larger than the links (${LINK_MTU}) and nothing tells the client`;
  const why = [...(predicted > byTunnel ? [answers] : []), ...(byTunnel > 0 ? [requests] : [])].join(", and ");
  return `Path MTU black hole: ICMP filtered: ${count(hang)} of ${plural(planned, "connection")} ${hang === 1 ? "hangs" : "hang"}, as ${why}; ${count(predicted)} ${was(predicted)} predicted`;
}

/** By the balancer, which sees the SYNs; of requests the answer to the SYN decides, which may go past it. */
const cureOf = ({ mtu, predicted, byTunnel = 0 }: PathMtu): string =>
  [
    ...(predicted > byTunnel ? [`--set mssClamp=${mtu}`] : []),
    ...(byTunnel > 0 ? [`--set announceMtu=${mtu}`] : []),
  ].join(" and ");

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
      `${whatHung(found, connections.planned)}, each by its family and size. A cure: ${cureOf(found)} where the backend has it.`,
    ];
  const clamped = found.clampMtu === undefined ? "" : `The MSS was clamped to a path MTU of ${found.clampMtu}: `;
  const filtered = found.icmp === "drop" ? ", although ICMP errors were filtered" : "";
  return [
    `${clamped}${clamped ? "n" : "N"}o answer was larger than the path MTU (${found.mtu}), and none hung${filtered}.`,
  ];
}
