// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Connection, Direct, Event } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";

const targets = ["vm-001", "vm-002"];
const N = 40;
const bothLive: Direct = { same: "lives", other: "lives" };
const oneTaken: Direct = { same: "lost", other: "lives" };

/** Connection i to the VIP is at target i mod 2, and its twin goes to vm-001: half of them have the same target. */
function summaryOf(direct: Direct, twinOf: (id: number) => Partial<Connection> = () => ({})) {
  const [vip, own] = [
    streamStart({ connections: N }),
    { ...streamStart({ connections: N, dst: "192.168.1.1" }), stream: "ipv4 direct/1", direct: "vm-001", t: 3 * S },
  ];
  const events: Event[] = [
    {
      kind: "deployed",
      t: 0,
      backend: "test",
      active: targets,
      effectiveOptions: {},
      oracle: { strategy: "stateful", flush: true, assign: null },
      direct,
    },
    vip,
    own,
    streamEnd(8, vip),
    streamEnd(5, own),
    { kind: "counters", t: 9 * S, machine: "vm-221", moment: "after", values: {} },
  ];
  const ids = Array.from({ length: N }, (_, id) => id);
  const connections = [
    ...ids.map((id) => connectionOf({ id, target: targets[id % 2] ?? null, endUs: 7e6 })),
    ...ids.map((id) => connectionOf({ stream: own.stream, id, target: "vm-001", endUs: 3e6, ...twinOf(id) })),
  ];
  return analyse(runInfo("test", "direct", targets, []), { events, connections }).summary;
}

const lost = { target: null, establishedUs: null, cause: "timeout" } as const;
const FAULT = /to a target's own address/;

test("each connection to a target's own address fares as predicted, and is no connection to the VIP", (t) => {
  const alive = summaryOf(bothLive);
  t.notRegex(alive.reasons.join(), FAULT);
  t.like(alive.direct, { mispredicted: 0, unjudged: 0, toSame: { lives: 20 }, toOther: { lives: 20 } });
  t.deepEqual(alive.connections, { planned: N, established: N, lost: 0, lostOutsideEvents: 0 });
  const taken = summaryOf(oneTaken, (id) => (id % 2 === 0 ? lost : {}));
  t.like(taken.direct, { mispredicted: 0, toSame: { lost: 20 }, toOther: { lives: 20 } });
});

test("one that fares otherwise fails the run, in a sentence with the numbers", (t) => {
  const wrong = summaryOf(bothLive, (id) => (id === 4 ? lost : id === 5 ? { target: "vm-002" } : {}));
  t.regex(
    wrong.reasons.join(),
    /^2 connections to a target's own address .* same target 19 lived and 1 had no answer \(all were to live\), .* 19 lived and 1 had the answer of another target/,
  );
  t.is(wrong.verdict, "fail");
  t.is(summaryOf(oneTaken).direct?.mispredicted, 20, "an answer where none was to be is a fault too");
  const ended = summaryOf(bothLive, (id) => (id === 3 ? { cause: "reset" } : {}));
  t.is(ended.direct?.toOther.ended, 1);
});

test("one from another port says nothing, and where there are many of them there is no result", (t) => {
  const moved = (some: number) => summaryOf(bothLive, (id) => (id < some ? { sport: 9 } : {}));
  t.is(moved(2).direct?.unjudged, 2);
  t.notRegex(moved(2).reasons.join(), FAULT);
  t.regex(moved(10).reasons.join(), /10 connections to a target's own address had another port/);
});
