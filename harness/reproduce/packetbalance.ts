// SPDX-License-Identifier: Apache-2.0
// PacketBalance's experiments: weights that change, another balancer that takes over, and one that knows of a further target.
import { normalQuantile } from "../analysis/statistics.ts";
import { lossProbability } from "../oracle/loss.ts";
import { makeOracle, type OracleSpec } from "../oracle/oracle.ts";
import type { AssignSpec } from "../oracle/strategies/index.ts";
import { simulationOf } from "../oracle/strategies/registry.ts";
import { type Figure, type LabCase, type LabRun, overSeeds, type Simulation } from "./figure.ts";
import { change, lostOf, lostPercent } from "./lab.ts";
import { type Change, indices, movedFlows, percentMoved, randomHashes, without } from "./moved.ts";

const SEEDS = 5;
const FLOWS = 1e6;
const PACKET_BALANCE = "PacketBalance, experiment 5: 10^6 flows over targets of weights 1, 1, 2, 4";
const weights = [1, 1, 2, 4, 1];
const byRemainder: OracleSpec = { strategy: "remainder", hash: { kind: "murmur3", seed: 1, ports: true }, weights };
const IN_A_PROXY =
  "The backend that has a remainder by weights, nginx, is a proxy: open connections stay where they are.";
const reweighed: readonly Figure[] = [
  {
    name: "packetbalance-weights",
    what: "flows that move when the target of weight 2 is removed, modulo",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 58.36,
    simulate: () => movedFlows(byRemainder, [indices(4), without(4, 2)], FLOWS),
    lab: IN_A_PROXY,
  },
  {
    name: "packetbalance-weights",
    what: "flows that move when a target of weight 1 is added, modulo",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 69.41,
    simulate: () => movedFlows(byRemainder, [indices(4), indices(5)], FLOWS),
    lab: IN_A_PROXY,
  },
  {
    name: "packetbalance-weights",
    what: "flows that move when the target of weight 2 is removed, Maglev, table of 65537",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 25.09,
    simulate: () => byMaglev([indices(4), without(4, 2)]),
    lab: lostPercent(weighed("scale_in", 4, 3)),
  },
  {
    name: "packetbalance-weights",
    what: "flows that move when a target of weight 1 is added, Maglev, table of 65537",
    source: PACKET_BALANCE,
    unit: "%",
    paper: 11.11,
    simulate: () => byMaglev([indices(4), indices(5)]),
    lab: lostPercent(weighed("scale_out", 5, 5)),
  },
];

function weighed(scenario: string, targets: number, scale: number): LabCase {
  const set = ["M=65537", `weights=${weights.slice(0, targets).join(",")}`];
  return { backend: "nfqueue", scenario, options: change(4000, { targets, scale: `${scale}` }), set };
}

/** Of so many flows with other hashes and another table each time. */
function byMaglev(change: Change): Simulation {
  const spec = (seed: number) => ({ strategy: "maglev" as const, m: 65_537, seed, ports: true, weights });
  return overSeeds(SEEDS, (seed) => percentMoved(spec(seed), change, randomHashes(FLOWS / 5, seed)));
}

const TAKEN_OVER =
  "PacketBalance, experiment 4: 10,000 connections, their route moves from one balancer with 4 targets to another";
const CONNECTIONS = 10_000;
/** Slots of IPVS' Maglev table (CONFIG_IP_VS_MH_TAB_INDEX=12). */
const MH_SLOTS = 4093;
/** Another seed is other addresses of the targets, and with them another table. */
const mh = (seed = 1) => simulationOf("ipvs").spec(MH_SLOTS, seed, 5, {}) as AssignSpec;
const anew = { strategy: "stateful", flush: true, midstream: true } as const;

/** Percent of the connections that are lost when all of them come to a balancer that knows none, with these targets. */
function takenOver(spec: OracleSpec, targets: number): Simulation {
  const [before, after] = [makeOracle(spec, indices(4)), makeOracle(spec, indices(targets))];
  const all = { activeBefore: new Set(indices(4)), activeAfter: new Set(indices(4)), reroutedShare: 1 };
  const meaning = { subject: "routers", effect: "leave", announced: true } as const;
  let [lost, number] = [0, 0];
  for (const hash of randomHashes(CONNECTIONS)) {
    const target = before.pick(hash) ?? number++ % 4;
    const connection = { protocol: "tcp", hash, target, lived: [before], knownToReturning: false } as const;
    lost += lossProbability(spec, { ...meaning, ...all, before, after }, connection);
  }
  const value = (100 * lost) / CONNECTIONS;
  const half = normalQuantile(0.975) * Math.sqrt((2 * value * (100 - value)) / CONNECTIONS);
  return { value, interval: [value - half, value + half] };
}

/** One of two routers leaves, and takes half of the connections along. */
const secondRouter = (set: readonly string[]): LabRun => ({
  cases: [
    {
      backend: "ipvs",
      scenario: "scale_lb",
      options: { connections: 1000, rate: 500, at: "3 6", duration: 9, targets: 4, routers: 2 },
      set,
      isGuest: true,
    },
  ],
  of: ([summary]) => lostOf(summary, 100, 0.5),
});

const tookOver: readonly Figure[] = [
  {
    name: "packetbalance-failover",
    what: "connections lost, IPVS mh by addresses and ports, sloppy_tcp=1",
    source: TAKEN_OVER,
    unit: "%",
    paper: 0,
    simulate: () => takenOver({ ...anew, assign: mh() }, 4),
    lab: secondRouter(["scheduler=mh", "port=true", "sloppyTcp=true"]),
  },
  {
    name: "packetbalance-failover",
    what: "connections lost, IPVS mh, sloppy_tcp=0",
    source: TAKEN_OVER,
    unit: "%",
    paper: 100,
    simulate: () => takenOver({ ...anew, midstream: false, assign: mh() }, 4),
    lab: secondRouter(["scheduler=mh", "port=true"]),
  },
  {
    name: "packetbalance-failover",
    what: "connections lost, IPVS rr, sloppy_tcp=1 (90.69 and 88.18 % in two runs)",
    source: TAKEN_OVER,
    unit: "%",
    paper: 90.69,
    differs: {
      why: "Here each turn is one of four by chance. There connections came to the second balancer about in the order in which they had come to the first one, and turns that are out of step stay so.",
      here: [73, 77],
    },
    simulate: () => takenOver({ ...anew, assign: null }, 4),
    lab: {
      ...secondRouter(["scheduler=rr", "sloppyTcp=true"]),
      differs: {
        why: "Connections come to the other router in the order in which they had come to the first one. Here the turns of the two are in step, and most find their target again; there they were out of step, and most did not.",
        here: [0, 25],
      },
    },
  },
  {
    name: "packetbalance-drift",
    what: "connections lost, IPVS mh, sloppy_tcp=1, the other balancer has a fifth target",
    source: TAKEN_OVER,
    unit: "%",
    paper: 21.41,
    simulate: () => overSeeds(SEEDS, (seed) => takenOver({ ...anew, assign: mh(seed) }, 5).value),
    lab: "In a lab routers whose lists of targets differ cannot take over connections from each other: no oracle here predicts that, so that nobody could say whether the lab is right.",
  },
];

export const packetBalance: readonly Figure[] = [...reweighed, ...tookOver];
