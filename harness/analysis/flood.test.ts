// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event, EventOf } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";

const targets = ["vm-001", "vm-002"];
const N = 400;
const FLOOD: EventOf<"flood"> = {
  kind: "flood",
  t: 3 * S,
  of: "syn",
  perS: 10_000,
  fromT: 2 * S,
  untilT: 3 * S,
  sent: 10_000,
  refused: 0,
  tables: [{ machine: "vm-201", most: 262_144, buckets: 262_144, before: 100, after: 10_300 }],
  listeners: [{ machine: "vm-001", ipv4: 1, ipv6: 1, both: 0 }],
  overrun: 0,
};

/** New connections 2.5 ms apart from second 1 on, of which some have no answer; and one connection that lasts. */
function summaryOf(
  over: Partial<typeof FLOOD>,
  isMissed: (id: number) => boolean,
  { tracks = true, shields = false, isVirtual = false, dropped = "", lost = false } = {},
) {
  const lasting = streamStart({ connections: 1 });
  const fresh = { ...streamStart({ connections: N }), stream: "ipv4/new", arrivals: true as const };
  const deployed = { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {} } as const;
  const events: Event[] = [
    {
      ...deployed,
      oracle: { strategy: "stateful", flush: true, assign: null },
      ...(tracks ? { tracks } : {}),
      ...(shields ? { answersSyns: true } : {}),
    },
    lasting,
    fresh,
    { ...FLOOD, ...over },
    streamEnd(5, lasting),
    streamEnd(5, fresh),
    { kind: "counters", t: 9 * S, machine: "vm-221", moment: "after", values: {} },
    ...(dropped === ""
      ? []
      : (["before", "after"] as const).map((moment, i): Event => {
          const values = { [dropped]: 7 * i };
          return { kind: "counters", t: 9 * i * S, machine: "vm-201", moment, values };
        })),
  ];
  const arrivals = Array.from({ length: N }, (_, id) => {
    const startUs = id * 2500;
    const answered = { target: "vm-001", endUs: startUs + 500 };
    const own = isMissed(id) ? { target: null, endUs: startUs + 3e6 } : answered;
    return connectionOf({ stream: fresh.stream, id, startUs, ...own });
  });
  const fate = lost ? ({ cause: "timeout", endUs: 3e6 } as const) : { endUs: 4e6 };
  const connections = [connectionOf({ id: 0, target: "vm-001", ...fate }), ...arrivals];
  const run = { ...runInfo("test", "flood", targets, ["vm-201"]), ...(isVirtual ? { time: "virtual" as const } : {}) };
  return analyse(run, { events, connections }).summary;
}

const every = (n: number) => (id: number) => id % n === 0;

test("a table with room for all costs nobody anything, and its entries are as many as came", (t) => {
  const { flood, reasons } = summaryOf({ fromT: S, untilT: 2 * S }, () => false);
  t.like(flood, { attempts: N, missed: 0, predicted: 0, fills: [], interval: [0, 0] });
  t.like(flood?.entries, { before: 100, after: 10_300, predicted: 10_500 });
  t.notRegex(reasons.join(), /Beside|entries/);
});

test("one connection that was crowded out where nothing is full fails the run, unless the machine was too slow", (t) => {
  const times = { fromT: S, untilT: 2 * S };
  const missed = summaryOf(times, (id) => id === 7);
  t.regex(
    missed.reasons.join(),
    /1 of 400 new connections had no answer to the first SYN; none was to, as the connection table has room/,
  );
  t.is(missed.flood?.missed, 1);
  const slow = summaryOf({ ...times, overrun: 5 }, (id) => id === 7);
  t.notRegex(slow.reasons.join(), /none was to/);
});

for (const name of ["nfqueue_queue_dropped", "loaded_user_dropped", "xdp_socket_no_buffer", "xdp_socket_ring_full"])
  test(`a flood that runs over ${name} tells nothing, whoever lost a connection; other drops excuse nobody`, (t) => {
    const verdict = (dropped: string) =>
      summaryOf({ fromT: S, untilT: 2 * S }, (id) => id === 7, { dropped, lost: true });
    const drowned = verdict(`drop.${name}`);
    t.is(drowned.verdict, "insufficient");
    t.regex(drowned.reasons[0] ?? "", /^7 packets were more than the machine was quick enough for/);
    t.is(verdict("drop.xdp_no_target").verdict, "fail");
    t.is(verdict("").verdict, "fail");
  });

test("a table that does not hold what came fails the run", (t) => {
  const tables = [{ machine: "vm-201", most: 262_144, buckets: 262_144, before: 100, after: 5000 }];
  t.regex(
    summaryOf({ fromT: S, untilT: 2 * S, tables }, () => false).reasons.join(),
    /5,000 entries .* 10,500 predicted/,
  );
});

test("of what a full table drops the number is judged, and the connections are no failures", (t) => {
  const tables = [{ machine: "vm-201", most: 500, buckets: 262_144, before: 500, after: 500 }];
  const all = summaryOf({ fromT: S, untilT: 2 * S, tables }, () => true);
  t.like(all.flood, { attempts: N, missed: N, fills: ["conntrack"] });
  t.true((all.flood?.predicted ?? 0) > 0.97 * N, `${all.flood?.predicted}`);
  t.is(all.arrivals?.failedOutsideEvents, 0);
  t.notRegex(all.reasons.join(), /Beside/);
  t.regex(
    summaryOf({ fromT: S, untilT: 2 * S, tables }, every(2)).reasons.join(),
    /200 of 400 .* as conntrack's table of 500 is full/,
  );
});

test("a flood that was not sent is no result", (t) => {
  t.regex(summaryOf({ sent: 5000 }, () => false).reasons.join(), /was to be 10,000 packets, and 5,000 were sent/);
});

test("in virtual time too few packets are too many for its processor, and another guest is no remedy", (t) => {
  const slow = summaryOf({ sent: 5000 }, () => false, { isVirtual: true }).reasons.join();
  t.regex(slow, /5,000 were sent\. That is as many as one processor of 1000 MIPS carries/);
  t.notRegex(slow, /--runtime vm/);
});

const FULL = [{ machine: "vm-201", most: 500, buckets: 500, before: 100, after: 500 }];

test("of SYNs that the balancer answers itself no table fills up, and none of them is an entry", (t) => {
  const times = { fromT: S, untilT: 2 * S };
  const shields = summaryOf({ ...times, tables: FULL }, () => false, { shields: true });
  t.like(shields.flood, { fills: [], shielded: true, predicted: 0, missed: 0 });
  t.like(shields.flood?.entries, { before: 100, predicted: 500 });
  t.regex(
    summaryOf({ ...times, tables: FULL }, every(2), { shields: true }).reasons.join(),
    /none was to, as the balancer answers SYNs itself/,
  );
  t.deepEqual(summaryOf({ ...times, tables: FULL }, () => false).flood?.fills, ["conntrack"]);
});

test("datagrams are no SYNs: nobody answers them, and the table fills up", (t) => {
  const { flood } = summaryOf({ of: "datagram", tables: FULL }, () => false, { shields: true });
  t.deepEqual(flood?.fills, ["conntrack"]);
  t.is(flood?.shielded, undefined);
});

for (const [synCookies, fills] of [
  ["off", ["backlog"]],
  ["full", []],
  ["always", []],
] as const)
  test(`listeners with little room and SYN cookies '${synCookies}' are full: ${fills.length > 0}`, (t) => {
    const { flood } = summaryOf({ synBacklog: 128, synCookies }, () => false, { tracks: false });
    t.deepEqual(flood?.fills, [...fills]);
  });
