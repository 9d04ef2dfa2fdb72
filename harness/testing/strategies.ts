// SPDX-License-Identifier: Apache-2.0
// Strategies for tests that hold for each of them.
import { addressBytes } from "../oracle/hash.ts";
import type { OracleSpec } from "../oracle/oracle.ts";

/** Targets that the examples are for. */
export const TARGETS = 6;
const all = Array.from({ length: TARGETS }, (_, i) => i);
const weights = [1, 2, 3, 1, 2, 1];
const address = (i: number) => ({ 4: [192, 168, 1, i + 1], 6: [...addressBytes(`1000::${i + 1}`)] });
const ipvs = { strategy: "ipvs", ports: true, fallback: false, fwmark: false, size: 251 } as const;
const addresses = all.map(address);

/** At least one of each strategy; a new one without a line here fails a test. */
export const SPECS: readonly OracleSpec[] = [
  { strategy: "maglev", m: 251, seed: 3, ports: true },
  { strategy: "maglev", m: 251, seed: 3, ports: true, weights },
  { strategy: "maglev", m: 251, seed: 3, ports: true, sctp: "ports" },
  { strategy: "modulo", seed: 3, ports: false },
  { strategy: "rendezvous", seed: 3, ports: true },
  { strategy: "ring", seed: 3, ports: true, replicas: 200 },
  { strategy: "anchor", seed: 3, ports: true, capacity: 9 },
  { strategy: "dx", seed: 3, ports: true, size: 16 },
  { strategy: "jet", over: { strategy: "anchor", seed: 3, ports: true, capacity: 9 }, known: TARGETS },
  { strategy: "jet", over: { strategy: "maglev", m: 251, seed: 3, ports: true }, known: TARGETS, horizon: 1 },
  { strategy: "remainder", hash: { kind: "nginx" }, weights },
  { strategy: "hash_threshold", hash: { kind: "fib_multipath", seed: 3, policy: "fields" }, weights },
  { strategy: "hash_threshold", hash: null },
  { strategy: "scaled", hash: { kind: "jhash", seed: 3, keys: ["srcip", "srcport"] }, priorities: [1, 1, 1, 2, 2, 2] },
  { strategy: "scaled", hash: null, weights },
  { strategy: "scaled", hash: null, weights, order: [3, 0, 5, 1, 2, 4] },
  { strategy: "scaled", hash: { kind: "jhash", seed: 3, keys: ["srcip"] }, weights, order: all, down: [2] },
  { strategy: "resilient", hash: { kind: "fib_multipath", seed: 3, policy: "fields" }, buckets: 96 },
  { strategy: "resilient", hash: null, buckets: 97, weights },
  { strategy: "redrawn", bySource: false, weights },
  { strategy: "bounded", seed: 3, replicas: 50, factor: 1.25 },
  { ...ipvs, scheduler: "mh", drain: false, addresses, weights },
  { ...ipvs, scheduler: "sh", drain: true, addresses },
  { ...ipvs, scheduler: "dh", drain: false, addresses },
  { strategy: "stateful", flush: true, assign: null, weights },
  { strategy: "stateful", flush: false, assign: { strategy: "maglev", m: 251, seed: 3, ports: true }, marks: ["tcp"] },
  { strategy: "stateful", flush: true, assign: { strategy: "scaled", hash: null }, shared: true, midstream: true },
  { strategy: "stateful", flush: true, assign: null, uneven: true, affinityS: "always" },
];
