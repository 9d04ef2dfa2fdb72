// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { AnalysisContext } from "./part.ts";
import type { Established } from "./rows.ts";
import { split, splitFailures } from "./split.ts";

const EVENT_T = 100;
interface Case {
  met?: number;
  lossEvent?: number | "outside" | "forgotten" | null;
  movedTo?: string | null;
  startT?: number;
  generation?: number;
}

/** What is found in these answered connections, with an event at `EVENT_T`, and in what the packets of the others told. */
function found(cases: readonly Case[], unanswered?: { connections: number; split: number }) {
  const met = new Map<unknown, number>();
  const collector = split({
    timeline: { scales: [{ requestedT: EVENT_T }] },
    events: [{ kind: "tap", unanswered }],
    explainer: { targetsMet: (one: Established) => met.get(one) ?? 0 },
  } as unknown as AnalysisContext);
  for (const { met: n = 0, lossEvent = null, movedTo = null, startT = 0, generation = 0 } of cases) {
    const one = { recorded: { generation, movedTo }, startT, lossEvent, lossT: startT + 1 } as unknown as Established;
    met.set(one, n);
    collector.established?.(one);
  }
  return collector.part().summary?.split;
}

const SENTENCE = "Before any event connections split over targets, 2 of 4: packets of one connection came to several.";

test("who was answered by another target, or had packets at several, is split; so are those that their packets tell of", (t) => {
  const lost: Case[] = [
    { lossEvent: "outside", movedTo: "vm-002" },
    { lossEvent: "outside", met: 2 },
  ];
  t.deepEqual(found([{}, ...lost, { lossEvent: "outside", met: 1 }]), { connections: 4, split: 2 });
  t.deepEqual(found([{}], { connections: 9, split: 8 }), { connections: 10, split: 8 });
  t.is(splitFailures({ split: { connections: 4, split: 2 } })[0]?.[1], SENTENCE);
});

test("an event, forgetting, and a second try prove nothing", (t) => {
  const harmless: Case[] = [
    { lossEvent: 0, movedTo: "vm-002" },
    { lossEvent: "forgotten", movedTo: "vm-002", met: 2 },
    { lossEvent: "outside", met: 2, generation: 1 },
    { lossEvent: "outside", met: 2, startT: EVENT_T },
  ];
  t.is(found(harmless), undefined);
  t.deepEqual(splitFailures({}), []);
});
