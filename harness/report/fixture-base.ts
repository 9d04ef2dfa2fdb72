// SPDX-License-Identifier: Apache-2.0
// What every made-up run has in common, and the arithmetic to make one up.

import { type RunInfo, SCHEMA, type StreamStart, type Summary } from "../record/schema.ts";

/** `total` in whole numbers in proportion to the weights. */
export function split(total: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((all, w) => all + w, 0);
  let [passed, given] = [0, 0];
  return weights.map((w) => {
    passed += w;
    const part = Math.round((total * passed) / sum) - given;
    given += part;
    return part;
  });
}

export function runInfo(name: string, scenario: string, targets: string[], command: string[]): RunInfo {
  return {
    schema: SCHEMA,
    id: `20260102T030405Z-${name}-1`,
    case: name,
    backend: "nfqueue",
    scenario,
    commandLine: ["./load-balancer.ts", ...command],
    startedAt: "2026-01-02T03:04:05.000Z",
    gitRevision: "0123456789abcdef0123456789abcdef01234567",
    host: { hostname: "lab", kernel: "6.1.0-28-amd64", cpus: 2, cpuModel: "Example CPU 2.4 GHz", memoryMiB: 7951 },
    tools: { node: "v20.20.0", iproute2: "6.1.0", iptables: "1.8.9", traffic: "0.1.0" },
    runtime: "netns",
    targets,
    routers: ["vm-201"],
    family: "4",
    protocol: "tcp",
    seed: 1,
    options: { targets: targets.length, routers: 1, family: "4", protocol: "tcp", seed: 1, scale: [1, 2] },
    backendOptions: { mode: "maglev", ports: true, M: 997 },
  };
}

/** The only stream of a made-up run; it starts at `t` in ns. */
export function streamStart(t: number, connections: number, intervalUs: number) {
  return {
    kind: "stream_start",
    t,
    stream: "ipv4",
    mode: "stream",
    family: 4,
    protocol: "tcp",
    connections,
    srcCidr: "50.0.0.0/16",
    dst: "10.0.0.0",
    dport: 5003,
    intervalUs,
    stallUs: 5e6,
  } as const satisfies StreamStart;
}

export function summary(run: RunInfo, connections: number): Summary {
  return {
    schema: SCHEMA,
    case: run.case,
    backend: run.backend,
    scenario: run.scenario,
    runtime: run.runtime,
    kernel: run.host.kernel,
    family: "4",
    protocol: "tcp",
    seed: run.seed,
    targets: run.targets.length,
    routers: run.routers.length,
    verdict: "pass",
    reasons: [],
    deterministicFailures: [],
    lossesJudged: true,
    clock: "real",
    connections: { planned: connections, established: connections, lost: 0, lostOutsideEvents: 0 },
    assigned: { checked: connections, mispredicted: 0 },
    events: [],
    spread: { perTarget: {}, chi2P: null, maxOverMean: null },
    latencyMs: { p50: 0.204, p99: 1.31, p999: 2.96, max: 71.4 },
    packets: { sent: 412_345, received: 410_120, dropped: { no_target: 2100, queue_full: 125 }, unaccounted: 0 },
    generator: { sends: 199_640, lateSends: 3, cpuShare: 0.183 },
    machine: { busyCpus: 0.62, windows: 20, disturbed: [], slowdown: 1.02, note: null },
    phasesMs: { up: 141, deploy: 52, traffic: 20_031, down: 12, report: 611, total: 20_847 },
  };
}

export function machines(first: number, n: number): string[] {
  return Array.from({ length: n }, (_, i) => `vm-${String(first + i).padStart(3, "0")}`);
}
