// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { EVENTS } from "../events/index.ts";
import { addressBytes, PROTOCOL } from "../oracle/hash.ts";
import { hashFlow, makeOracle, type TableSpec } from "../oracle/oracle.ts";
import { lossOfPath } from "./paths.ts";
import { expectedLoss } from "./theory.ts";

const maglev = (sctp?: "ports"): TableSpec => ({
  strategy: "maglev",
  m: 997,
  seed: 0,
  ports: true,
  ...(sctp ? { sctp } : {}),
});
const ALL = [0, 1, 2, 3];
const flow = (i: number, network: number, dst: string) => ({
  src: addressBytes(`${network}.0.${i >> 8}.${i & 255}`),
  sport: 1024 + i * 13,
  dst: addressBytes(dst),
  dport: 5003,
  protocol: PROTOCOL.sctp,
});

/** How many of so many associations are expected to end when their second path opens. */
function lost(spec: TableSpec, path: "opens" | "closes"): number {
  const oracle = makeOracle(spec, ALL);
  return Array.from({ length: 1000 }, (_, i) => i).filter((i) => {
    const target = oracle.pick(hashFlow(spec, flow(i, 50, "10.0.0.0")));
    const { low, high } = lossOfPath(spec, oracle, { path, target, second: flow(i, 51, "10.0.0.1") });
    if (low !== high) throw new Error("It is not certain.");
    return high === 1;
  }).length;
}

test("by ports alone both paths have one target; by addresses too another one in three of four cases", (t) => {
  t.is(lost(maglev("ports"), "opens"), 0);
  const n = lost(maglev(), "opens");
  t.true(n > 700 && n < 800, `${n}`);
  t.is(lost(maglev(), "closes"), 0, "those that live have both at one target");
});

test("without a second path nothing is lost, and where a target is not known nothing is certain", (t) => {
  const spec = maglev();
  const oracle = makeOracle(spec, ALL);
  t.like(lossOfPath(spec, oracle, { path: "opens", target: 0, second: null }), { probability: 0 });
  const unknown = lossOfPath(spec, oracle, { path: "opens", target: null, second: flow(1, 51, "10.0.0.1") });
  t.deepEqual([unknown.low, unknown.high], [0, 1]);
});

test("theory expects what the verdict does", (t) => {
  const source = {
    srcCidr: "50.0.0.0/16",
    dst: "10.0.0.0",
    dport: 5003,
    protocol: "sctp" as const,
    second: { srcCidr: "51.0.0.0/16", dst: "10.0.0.1" },
  };
  const plan = { targets: 4, routers: 1, out: [], steps: [{ event: EVENTS.path_up, members: [1] }] };
  const { share } = expectedLoss(maglev(), plan, [source], 4000);
  t.true(Math.abs((share ?? 0) - 0.75) < 0.03, `${share}`);
  t.is(expectedLoss(maglev("ports"), plan, [source], 4000).share, 0);
});
