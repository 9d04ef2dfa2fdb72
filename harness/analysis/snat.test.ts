// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event, Snat } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";

const targets = ["vm-001", "vm-002"];
const N = 100;

/** `clashes` of the connections have the port of another to the same target. */
function summaryOf(snat: Snat, kept: number, changed: number, clashes = 0) {
  const oracle = { strategy: "stateful", flush: true, assign: null } as const;
  const events: Event[] = [
    { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {}, oracle, snat },
    streamStart({ connections: N }),
    streamEnd(4),
    { kind: "counters", t: S, machine: "vm-201", moment: "before", values: { "snat.kept": 0, "snat.changed": 0 } },
    {
      kind: "counters",
      t: 5 * S,
      machine: "vm-201",
      moment: "after",
      values: { "snat.kept": kept, "snat.changed": changed },
    },
    { kind: "counters", t: 5 * S, machine: "vm-221", moment: "after", values: {} },
  ];
  const connections = Array.from({ length: N }, (_, id) =>
    connectionOf({
      id,
      sport: id < 2 * clashes ? 1024 + (id >> 1) : 2048 + id,
      target: targets[id < 2 * clashes ? 0 : id % 2] ?? null,
      startUs: id * 1000,
      endUs: id * 1000 + 500,
    }),
  );
  return analyse(runInfo("test", "connect", targets, ["vm-201"]), { events, connections }).summary;
}

const said = (...words: Parameters<typeof summaryOf>) => summaryOf(...words).reasons.join(" ");
const FAULT = /kept the client's source port, .* to: /;

test("the client's port is kept, but for the second of two that have the same", (t) => {
  t.notRegex(said("kept", N, 0), FAULT);
  t.notRegex(said("kept", N - 3, 3, 3), FAULT);
  t.regex(said("kept", N - 3, 3), /97 of 100 connections kept the client's source port, 100 were to/);
  t.regex(said("kept", N - 4, 4, 3), FAULT);
});

test("of ports drawn at random hardly one is the client's", (t) => {
  t.notRegex(said("random", 0, N), FAULT);
  t.notRegex(said("random", 1, N - 1), FAULT, "one in 64,512 is");
  t.regex(said("random", 3, N - 3), FAULT);
  t.regex(said("random", N, 0), FAULT);
});

test("where conntrack knows nothing, nothing can be said", (t) => {
  t.regex(said("random", 0, 0), /Conntrack knows no connection/);
});
