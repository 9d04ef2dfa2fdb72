// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event, Reuse } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";

const targets = ["vm-001", "vm-002", "vm-003", "vm-004"];
const N = 60;
const VISITS_S = [1, 3, 6];

interface Answer {
  target: number | null;
  ms?: number;
  sport?: number;
}

/** vm-001 leaves before the third visit. */
function summaryOf(reuse: Reuse, answerOf: (visit: number, source: number) => Answer) {
  const oracle = { strategy: "stateful", flush: true, assign: null } as const;
  const streams = VISITS_S.map((s, i) => ({
    ...streamStart({ connections: N, srcCidr: "50.0.0.0/26", visit: i + 1, sameTuple: true }),
    t: s * S,
    stream: `ipv4 visit ${i + 1}`,
    visit: i + 1,
  }));
  const events: Event[] = [
    { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {}, oracle, reuse },
    ...streams,
    { kind: "scale", t: 5 * S, action: "scale_in", machines: ["vm-001"], requestedT: 5 * S, effectiveT: 5.01 * S },
    ...streams.map((stream) => streamEnd(2, stream)),
    { kind: "counters", t: 9 * S, machine: "vm-221", moment: "after", values: {} },
  ];
  const connections = streams.flatMap(({ stream, visit }) =>
    Array.from({ length: N }, (_, source) => {
      const { target, ms = 1, sport = 2000 + source } = answerOf(visit, source);
      const endUs = target === null ? 1.5e6 : ms * 1000;
      const name = target === null ? null : (targets[target] ?? null);
      return connectionOf({ stream, id: source, sport, target: name, endUs, lastProgressUs: endUs });
    }),
  );
  return analyse(runInfo("test", "connect", targets, []), { events, connections }).summary;
}

const FAULT = /opened again came to|were to be|not established|inactive target/;
const first = (source: number) => source % 4;
/** In turn again, in another order. */
const anew = (visit: number, source: number) => (source * 7 + (source >> 2) + visit) % 4;
const stays = (gone: number | null) => (visit: number, source: number) => ({
  target: visit === 3 && first(source) === 0 ? gone : first(source),
});

test("chosen anew: so many move as chance lets, and none to the target that has left", (t) => {
  const again: Reuse = { after: "again", gone: "again" };
  const moving = (visit: number, source: number) => {
    const target = visit === 1 ? first(source) : anew(visit, source);
    return { target: visit === 3 && target === 0 ? 1 + (source % 3) : target };
  };
  const { reuse, reasons } = summaryOf(again, moving);
  t.notRegex(reasons.join(" "), FAULT);
  t.true((reuse?.moved ?? 0) > 50 && (reuse?.goneReturns.again ?? 0) > 10, JSON.stringify(reuse));
  const pinned = summaryOf(again, stays(1)).reasons.join(" ");
  t.regex(pinned, /0 of 105 5-tuples opened again came to another target than before, \d+ to \d+ were to/);
});

test("the same target as before, and a black hole, or not, where it has left", (t) => {
  for (const [gone, answer] of [
    ["again", 2],
    ["same", 0],
    ["lost", null],
  ] as const) {
    const right = summaryOf({ after: "same", gone }, stays(answer));
    t.notRegex(right.reasons.join(" "), FAULT, gone);
    t.deepEqual(right.reuse?.goneReturns, { same: 0, again: 0, lost: 0, mispredicted: 0, [gone]: 15 });
    t.is(right.reuse?.moved, 0);
    const wrong = summaryOf({ after: "same", gone }, stays(answer === 2 ? null : 2)).reasons.join(" ");
    t.regex(wrong, /Of 15 5-tuples opened again after their target had left .*all were to be/, gone);
  }
  const moved = summaryOf({ after: "same", gone: "again" }, (visit, source) => ({
    target: visit === 2 && source === 1 ? 3 : stays(2)(visit, source).target,
  }));
  t.regex(moved.reasons.join(" "), /opened again came to another target than before, none was to/);
});

test("a first SYN that was dropped is counted, and another 5-tuple is no return", (t) => {
  const { reuse } = summaryOf({ after: "same", gone: "again" }, (visit, source) => ({
    ...stays(2)(visit, source),
    ...(visit === 2 && source === 5 ? { ms: 1010 } : {}),
    ...(visit === 2 && source === 6 ? { sport: 9 } : {}),
  }));
  t.is(reuse?.late, 1);
  t.is(reuse?.unjudged, 2);
});

test("once it is forgotten a target is chosen anew, and chance judges how many move", (t) => {
  // Two seconds lie between the first two visits, three between the last two.
  const kept: Reuse = { after: "same", gone: "again", forgottenS: 2.5 };
  const { reuse, reasons } = summaryOf(kept, (visit, source) => ({
    target: visit < 3 ? first(source) : 1 + (anew(visit, source) % 3),
  }));
  t.like(reuse, { returns: N, moved: 0, unjudged: 0 });
  t.true((reuse?.forgotten?.moved ?? 0) > 20 && reuse?.forgotten?.returns === 45, JSON.stringify(reuse));
  t.notRegex(reasons.join(" "), FAULT);
  const clung = summaryOf(kept, stays(1)).reasons.join(" ");
  t.regex(
    clung,
    /0 of 45 5-tuples opened again after they were forgotten came to another target than before, \d+ to \d+ were to/,
  );
  t.is(
    summaryOf({ ...kept, forgottenS: 2.2 }, stays(1)).reuse?.unjudged,
    N,
    "so close to the time-out nobody can tell",
  );
});
