// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { affinity } from "./affinity.ts";
import { explainer } from "./causes/index.ts";
import { connectionOf, S, streamStart } from "./connect-fixture.ts";
import { rowReader } from "./rows.ts";
import { buildTimeline } from "./timeline.ts";

const targets = ["vm-001", "vm-002", "vm-003", "vm-004"];
const SOURCES = 60;

/** Visits at these seconds, each connection taking 10 ms; `targetOf` says who answers. */
function judge(
  visitsS: readonly number[],
  targetOf: (visit: number, source: number) => string | null,
  affinityS: number | "always" = 2,
  uneven = false,
) {
  const streams = visitsS.map((s, i) => ({
    ...streamStart({ connections: SOURCES, srcCidr: "50.0.0.0/26" }),
    t: s * S,
    stream: `ipv4 visit ${i + 1}`,
    visit: i + 1,
  }));
  const oracle = { strategy: "stateful", flush: true, assign: null, affinityS, uneven } as const;
  const events: Event[] = [
    { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {}, oracle },
    ...streams,
  ];
  const timeline = buildTimeline(events, targets, ["vm-201"]);
  const rows = streams.flatMap(({ stream, visit }) =>
    Array.from({ length: SOURCES }, (_, source) => {
      const target = targetOf(visit, source);
      return connectionOf({ stream, id: source, sport: 1024 + visit, target, endUs: 10_000, lastProgressUs: 10_000 });
    }),
  );
  if (!timeline) return null;
  const run = runInfo("test_affinity", "affinity", targets, []);
  const collector = affinity({
    run,
    events,
    timeline,
    explainer: explainer({ run, events, timeline }),
    explain: () => {},
  });
  const read = rowReader(timeline);
  for (const row of rows.flatMap((recorded) => read(recorded) ?? [])) collector.row?.(row);
  return collector.part().summary?.affinity;
}

const fixed = (_: number, source: number) => targets[source % 4] ?? null;

test("a visit counts from the visit before it, not from the first", (t) => {
  const found = judge([0, 1.5, 3], fixed);
  t.deepEqual(found?.inTime, { visits: 2 * SOURCES, moved: 0 });
  t.is(found?.late.visits, 0);
  t.is(found?.sources, SOURCES);
});

test("a source that moves in time is counted, one by one", (t) => {
  const found = judge([0, 1], (visit, source) => fixed(0, source + Number(visit === 2 && source < 7)));
  t.deepEqual(found?.inTime, { visits: SOURCES, moved: 7 });
});

test("sources that never move once they may are outside of what chance explains, and so are those that all do", (t) => {
  const stay = judge([0, 3], fixed)?.late;
  t.is(stay?.moved, 0);
  t.is(stay?.expected, 45);
  t.true((stay?.interval[0] ?? 0) > 30);
  t.is(judge([0, 3], fixed, 2, true)?.late.expected, 45, "shares that nobody predicts are taken for equal");
  const all = judge([0, 3], (visit, source) => fixed(0, source + visit))?.late;
  t.is(all?.moved, SOURCES);
  t.true((all?.interval[1] ?? SOURCES) < SOURCES);
});

test("what is too close to the limit, or was never answered, is not judged", (t) => {
  t.is(judge([0, 2], fixed)?.unjudged, SOURCES);
  t.is(judge([0, 1], (visit, source) => (visit === 2 && source === 0 ? null : fixed(0, source)))?.unjudged, 1);
});

test("with a hash of addresses no visit is ever late", (t) => {
  t.is(judge([0, 3000], fixed, "always")?.inTime.visits, SOURCES);
});
