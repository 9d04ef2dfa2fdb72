// SPDX-License-Identifier: Apache-2.0
// A limit on how many connections are let in: conntrack's table, or the ports of the router's own address. Those beyond have no answer.
import type { ByCause, Cause, LossCause, Room, Summary } from "../record/schema.ts";
import { count, list, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import { counted } from "./packets.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { pickOf } from "./predict.ts";
import type { Row } from "./rows.ts";
import { boundS } from "./sources.ts";
import type { Timeline } from "./timeline.ts";

/** Chance that a fair run is outside: below one in ten thousand. */
const SIGMAS = 4;

/** What says that there was no room. */
const COUNTER: Readonly<Record<Room["what"], string>> = {
  conntrack: "conntrack.table_full",
  snat_ports: "conntrack.insert_failed",
};

/** An attempt to connect that had no answer, where not all have room. */
export function foundNoRoom({ deployed: { room }, streams }: Timeline, cause: Cause): boolean {
  if (!room || cause !== "timeout") return false;
  const all = [...streams.values()];
  const of = (family: number) =>
    all.reduce((sum, s) => sum + (room.what === "conntrack" || s.family === family ? s.connections : 0), 0);
  return all.some(({ family }) => of(family) > room.most);
}

/** First connections that share one limit, or the limits of the targets that they are spread over. */
interface Group {
  /** By the target that the oracle predicts; null: nobody knows it. */
  byTarget: Map<string | null, number>;
  isBound: boolean;
  /** Connections that end make room, sooner or later. */
  isPassing: boolean;
}

export const room: AnalysisModule = ({ run, timeline, events }) => {
  const { deployed, scales, routerOf, stages } = timeline;
  const limit = deployed.room;
  if (!limit) return { part: () => ({}) };
  const firstT = scales[0]?.requestedT ?? Number.POSITIVE_INFINITY;
  const groups = new Map<string, Group>();
  const byCause: ByCause = {};
  const found = { connections: 0, established: 0 };
  const groupOf = ({ flow, stream }: Row): Group => {
    const key = `${routerOf?.(flow) ?? 0}${limit.what === "conntrack" ? "" : `/${stream.family}`}`;
    const isBound = boundS(timeline, stream) > 0;
    const group = groups.get(key) ?? { byTarget: new Map(), isBound, isPassing: stream.mode === "connect" };
    groups.set(key, group);
    return group;
  };
  return {
    row(row) {
      if (row.recorded.generation > 0 || row.startT >= firstT) return;
      const { byTarget } = groupOf(row);
      const target = limit.what === "conntrack" ? null : pickOf(stages[0], row.hash, run.targets);
      byTarget.set(target, (byTarget.get(target) ?? 0) + 1);
      found.connections++;
      const { cause } = row.recorded;
      if (row.establishedT !== null && row.establishedT < firstT) found.established++;
      else if (cause !== "none") byCause[cause as LossCause] = (byCause[cause as LossCause] ?? 0) + 1;
    },
    part() {
      const bounds = [...groups.values()].map((group) =>
        boundsOf(timeline, limit, group, unknownRouters(run, timeline)),
      );
      const [low, high] = [0, 1].map((side) => bounds.reduce((sum, bound) => sum + (bound[side] ?? 0), 0));
      const said = counted(events)
        .flatMap(({ deltas }) => deltas)
        .reduce((sum, [name, delta]) => sum + (name === COUNTER[limit.what] ? delta : 0), 0);
      return { summary: { room: { ...limit, ...found, low: low ?? 0, high: high ?? 0, byCause, said } } };
    },
  };
};

/** How many routers a connection may cross, where nobody knows which. */
const unknownRouters = ({ routers }: { routers: readonly string[] }, { routerOf }: Timeline) =>
  routerOf ? 1 : Math.max(1, routers.length);

/** At least, and at most, so many of a group are let in. */
function boundsOf(timeline: Timeline, limit: Room, group: Group, routers: number): [low: number, high: number] {
  const { byTarget, isPassing } = group;
  const n = [...byTarget.values()].reduce((sum, one) => sum + one, 0);
  const high = (targets: number) => (isPassing ? n : Math.min(n, limit.most * targets * routers));
  if (limit.what === "conntrack") return [Math.min(n, limit.sure), high(1)];
  const shares = sharesOf(timeline);
  if (!byTarget.has(null)) {
    const of = (most: number) => [...byTarget.values()].reduce((sum, one) => sum + Math.min(one, most), 0);
    return [of(limit.sure), isPassing ? n : of(limit.most * routers)];
  }
  if (group.isBound || routers > 1) return [Math.min(n, limit.sure), high(shares.length)];
  const spreads = limit.inTurn ? 0 : SIGMAS;
  const least = (share: number) => Math.max(0, n * share - spreads * Math.sqrt(n * share * (1 - share)));
  const low = shares.reduce(
    (sum, share) => sum + Math.min(limit.inTurn ? least(share) : Math.floor(least(share)), limit.sure),
    0,
  );
  return [Math.round(low), high(shares.length)];
}

/** Of all targets that get any; equal ones where the strategy has none that are known. */
function sharesOf({ shares, stages }: Timeline): number[] {
  const active = stages[0]?.active.size ?? 0;
  return shares
    ? [...shares.values()].filter((share) => share > 0)
    : Array<number>(active).fill(1 / Math.max(1, active));
}

const LIMITS: Readonly<Record<Room["what"], (room: Room) => string>> = {
  conntrack: ({ most }) => `The kernel's connection table holds ${count(most)}`,
  snat_ports: ({ most }) =>
    `The router's own address has ${plural(most, "port")} for the connections to each target, of each family`,
};
const SAID: Readonly<Record<Room["what"], string>> = {
  conntrack: "the kernel said 'nf_conntrack: table full, dropping packet'",
  snat_ports: "conntrack could not insert an entry (insert_failed)",
};

/** Before the start: what will not be let in. */
export function tooSmall(
  room: Room,
  { connections, families, targets }: { connections: number; families: number; targets: number },
): string[] {
  const most = room.what === "conntrack" ? room.most : room.most * targets * families;
  return connections > most
    ? [`${LIMITS[room.what](room)} (${room.option}): at most ${count(most)} of ${count(connections)} are let in.`]
    : [];
}

type Found = NonNullable<Summary["room"]>;

const expected = ({ low, high }: Found) => (low === high ? count(low) : `${count(low)} to ${count(high)}`);

export function roomFailures({ room: found }: Judged): Check[] {
  if (!found) return [];
  const { what, option, connections, established, low, high, byCause, said } = found;
  const others = Object.entries(byCause).filter(([cause]) => cause !== "timeout");
  const ended = others.reduce((sum, [, n]) => sum + n, 0);
  return [
    [
      established < low || established > high,
      `${LIMITS[what](found)} (${option}): ${count(established)} of ${plural(connections, "connection")} ${was(established)} established, ${expected(found)} predicted.`,
    ],
    [
      ended > 0,
      `${plural(ended, "connection")} that found no room ${was(ended)} ended (${list(others.map(([cause, n]) => `${count(n)} by ${cause}`))}), where no answer was predicted.`,
    ],
    [
      established < connections && said === 0,
      `${count(connections - established)} of ${plural(connections, "connection")} ${was(connections - established)} not established, but the kernel does not say that there was no room (${COUNTER[what]} is 0).`,
    ],
  ];
}

export function roomMerits({ room: found }: Judged): string[] {
  if (!found) return [];
  const { what, option, connections, established, said } = found;
  const limit = `${LIMITS[what](found)} (${option})`;
  if (established === connections) return [`${limit}: all had room.`];
  return [
    `${limit}: ${count(connections - established)} of ${plural(connections, "connection")} had no answer, ${expected(found)} were to be established and ${count(established)} were; ${SAID[what]} ${said === 1 ? "once" : `${count(said)} times`}${what === "conntrack" ? " (it limits their rate)" : ""}.`,
  ];
}
