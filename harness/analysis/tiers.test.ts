// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { frontHash } from "../oracle/course.ts";
import { hashFlow, makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Connection, Event, Summary } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { TESTER_NAME } from "../topology/topology.ts";
import { analyse } from "./analyse.ts";
import { flowReader } from "./flows.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 10);
const start = streamStart(T0, 1000, 0);
const flowOf = flowReader(start);

/** A run through a faultless balancer behind a router that chooses by its own hash of seed 1. */
function run(oracle: OracleSpec): Summary {
  const choice = makeOracle(oracle, [...targets.keys()]);
  const connections = Array.from({ length: 1000 }, (_, id): Connection => {
    const row = { srcOffset: 1 + ((id * 7919) % 65_000), sport: 1024 + ((id * 104_729) % 60_000) };
    const target = targets[choice.pick(hashFlow(oracle, flowOf(row))) ?? -1] ?? null;
    const times = { startUs: id * 1000, establishedUs: id * 1000 + 200, endUs: 2e6, lastProgressUs: 2e6 };
    const fate = { generation: 0, cause: "none", movedTo: null, longestGapUs: 0, sent: 1, received: 1 } as const;
    return { stream: "ipv4", id, target, ...row, ...times, ...fate };
  });
  const effectiveOptions = {};
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "test", active: targets, effectiveOptions, oracle },
    { kind: "routing", t: T0 - S, hash: frontHash(1) },
    start,
    { kind: "stream_end", t: T0 + 3 * S, stream: "ipv4", userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 },
    { kind: "counters", t: T0 + 3 * S, machine: TESTER_NAME, moment: "after", values: { ipOut: 1 } },
  ];
  const info = { ...runInfo("test", "tiers", targets, []), routers: machines(201, 2) };
  return analyse(info, { events, connections }).summary;
}

const ecmp = (seed: number): OracleSpec => ({ strategy: "hash_threshold", hash: frontHash(seed) });

test("two tiers with the same hash polarise: half of the targets for each router, and the total is even", (t) => {
  const { tiers, spread, reasons } = run(ecmp(1));
  t.true((spread.chi2P ?? 0) > 0.001);
  t.true((tiers?.independenceP ?? 1) < 1e-9);
  const reached = Object.values(tiers?.perRouter ?? {}).map((row) => Object.values(row).filter((n) => n > 0).length);
  t.deepEqual(reached, [5, 5]);
  t.regex(reasons.join("\n"), /^Polarisation: .*vm-201 reaches 5 of 10 targets, vm-202 5; .*--set hashSeed=\.$/m);
});

test("a seed of its own cures it, and so does another hash", (t) => {
  const maglev: OracleSpec = { strategy: "maglev", m: 997, seed: 1, ports: true };
  for (const spec of [ecmp(2), maglev]) {
    const { tiers, reasons } = run(spec);
    t.true((tiers?.independenceP ?? 0) > 0.001, JSON.stringify(tiers));
    t.notRegex(reasons.join("\n"), /Polarisation/);
  }
});
