// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Connection, Event, Summary } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { TESTER_NAME } from "../topology/topology.ts";
import { analyse } from "./analyse.ts";
import { connectionOf } from "./connect-fixture.ts";
import { flowReader } from "./flows.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 4);
const VIPS = ["10.0.0.0", "10.0.0.1", "10.0.0.2"];

const oracle: OracleSpec = { strategy: "maglev", m: 997, seed: 1, ports: true };
const choice = makeOracle(oracle, [...targets.keys()]);

/** 300 connections to three VIPs; `targetOf` says who answers where the oracle predicts `pick`: null, nobody. */
function run(targetOf: (vip: number, pick: number) => number | null, spec: OracleSpec | null = oracle): Summary {
  const streams = VIPS.map((dst, i) => ({ ...streamStart(T0, 300, 0), stream: `ipv4/${i + 1}`, dst }));
  const connections = streams.flatMap((start, vip) =>
    Array.from({ length: 100 }, (_, n): Connection => {
      const tuple = { srcOffset: 1 + ((n * 7919) % 65_000), sport: 1024 + ((n * 104_729) % 60_000) };
      const target = targetOf(vip, choice.pick(hashFlow(oracle, flowReader(start)(tuple))) ?? 0);
      const cause = target === null ? "timeout" : "none";
      const establishedUs = target === null ? null : n * 1000 + 200;
      const times = { startUs: n * 1000, establishedUs, endUs: 2e6, lastProgressUs: 2e6 };
      const fate = { generation: 0, cause, movedTo: null, longestGapUs: 0, sent: 1, received: 1 } as const;
      const { stream } = start;
      return {
        stream,
        id: 100 * vip + n,
        target: target === null ? null : (targets[target] ?? null),
        ...tuple,
        ...times,
        ...fate,
      };
    }),
  );
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "test", active: targets, effectiveOptions: {}, oracle: spec },
    ...streams,
    ...streams.map(({ stream }): Event => {
      return { kind: "stream_end", t: T0 + 3 * S, stream, userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 };
    }),
    { kind: "counters", t: T0 + 3 * S, machine: TESTER_NAME, moment: "after", values: { ipOut: 1 } },
  ];
  const info = { ...runInfo("test", "connect", targets, []), routers: machines(201, 1) };
  return analyse(info, { events, connections }).summary;
}

const sentences = ({ reasons }: Summary) => reasons.filter((reason) => reason.startsWith("VIP "));

test("each VIP has its connections and its spread, and what is well is one sentence", (t) => {
  const summary = run((_, pick) => pick);
  t.deepEqual(
    summary.vips?.map(({ vip, planned, established }) => [vip, planned, established]),
    VIPS.map((vip) => [vip, 100, 100]),
  );
  for (const { chi2P, perTarget } of summary.vips ?? []) {
    t.true((chi2P ?? 0) > 0.001);
    t.is(
      Object.values(perTarget).reduce((sum, n) => sum + n, 0),
      100,
    );
  }
  t.deepEqual(sentences(summary), []);
});

test("a VIP that is served by two targets only is named", (t) => {
  const summary = run((vip, pick) => (vip === 0 ? pick % 2 : pick));
  t.is(sentences(summary).length, 1, summary.reasons.join("\n"));
  t.regex(sentences(summary)[0] ?? "", /^VIP 10\.0\.0\.0: the spread over the targets does not fit/);
});

test("turns that all VIPs take together are not judged for one of them", (t) => {
  const inTurn: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  const summary = run((vip) => vip, inTurn);
  t.deepEqual(
    summary.vips?.map(({ chi2P }) => chi2P),
    [null, null, null],
  );
  t.deepEqual(sentences(summary), []);
});

test("a VIP that nobody answers is named", (t) => {
  const summary = run((vip, pick) => (vip === 2 ? null : pick));
  t.deepEqual(sentences(summary), ["VIP 10.0.0.2: 100 of 100 connections were not established."]);
});

test("turns that begin at the same target for each of many services are even, and one that gets none is not", (t) => {
  const names = machines(1, 100);
  const dsts = Array.from({ length: 16 }, (_, i) => `10.0.0.${i}`);
  const inTurn: OracleSpec = { strategy: "stateful", flush: true, assign: null };
  const spreadOf = (targetOf: (n: number) => number) => {
    const streams = dsts.map((dst, i) => ({ ...streamStart(T0, 150, 0), stream: `ipv4/${i + 1}`, dst }));
    const connections = streams.flatMap(({ stream }) =>
      Array.from({ length: 150 }, (_, id) => ({
        ...connectionOf({ stream, id, target: names[targetOf(id)] ?? null, endUs: 2e6 }),
        establishedUs: 200,
      })),
    );
    const events: Event[] = [
      { kind: "deployed", t: T0 - S, backend: "test", active: names, effectiveOptions: {}, oracle: inTurn },
      ...streams,
    ];
    return analyse(runInfo("test", "connect", names, []), { events, connections }).summary.spread;
  };
  t.is(spreadOf((n) => n % 100).chi2P, 1);
  t.true((spreadOf((n) => n % 99).chi2P ?? 1) < 0.001);
});
