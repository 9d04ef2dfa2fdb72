// SPDX-License-Identifier: Apache-2.0
// Cheetah's servers that come and go under requests, some of which last for minutes.
import { wilson95 } from "../analysis/statistics.ts";
import { murmur3 } from "../oracle/hash.ts";
import { makeOracle, type Oracle, type OracleSpec } from "../oracle/oracle.ts";
import type { Summary } from "../record/schema.ts";
import { mulberry32 } from "../util/random.ts";
import { type Figure, type LabCase, overSeeds, type Simulation } from "./figure.ts";
import { shuffle } from "./jet-data.ts";
import { indices } from "./moved.ts";

/** Servers in use, of 32, from that second on (dynamic/HashNBSRV.csv). */
const SERVERS = [
  [0, 24],
  [20, 25],
  [21, 27],
  [22, 29],
  [28, 30],
  [31, 28],
  [35, 27],
  [36, 26],
  [37, 24],
  [38, 22],
] as const;
const SECONDS = 60;

/** Requests that are asked for again and again: how many, for how many seconds the server stretches an answer, and of how many KiB. */
const REQUESTS = [
  [169, 0.001, 0.22],
  [40, 0.002, 0.3],
  [13, 0.003, 0.49],
  [9, 0.0048, 0.5],
  [53, 0.036, 0.65],
  [28, 0.06, 0.77],
  [31, 0.076, 1.28],
  [17, 0.128, 1.28],
  [40, 0.152, 1.3],
  [17, 0.203, 1.42],
  [57, 0.544, 1.42],
  [29, 1.33, 1.42],
  [61, 1.33, 2.23],
  [37, 2.58, 2.23],
  [2, 20.31, 2.23],
  [56, 20.31, 3.15],
  [47, 50.39, 3.15],
  [18, 50.39, 5.81],
  [38, 51.17, 5.81],
  [5, 81.23, 5.81],
  [39, 81.23, 9.87],
  [15, 81.23, 21.88],
  [35, 139.26, 21.88],
  [24, 139.26, 54.78],
  [28, 150.4, 54.78],
] as const;
/** An answer is written in pieces of 128 bytes, evenly over its time. */
const PIECES_PER_KIB = 8;
const RETRY_S = 1;

/** Answers a second: from 1,536 at both ends to 2,353 at 34.5 s (dynamic/HashGNBREQ.csv). */
const rateAt = (s: number) => 1536 + (s > 19.5 && s < 49.5 ? 817 * Math.sin((Math.PI * (s - 19.5)) / 30) ** 2 : 0);

/** How many were broken, of how many. A broken connection is noticed when the server writes its next piece. */
export function brokenRequests(spec: OracleSpec, seed: number): { broken: number; requests: number } {
  const random = mulberry32(seed);
  const states: Oracle[] = [];
  for (const [, servers] of SERVERS) states.push(makeOracle(spec, indices(servers), states.at(-1)));
  /** Waiting requests: when each may be asked for again, in that order, as a heap would have them; they are few hundred. */
  const idle = shuffle(
    REQUESTS.flatMap(([count], kind) => Array<number>(count).fill(kind)),
    random,
  ).map((kind) => ({
    kind,
    fromS: 0,
  }));
  let [broken, requests] = [0, 0];
  for (let now = 0; now < SECONDS; now += 1 / rateAt(now)) {
    const next = idle.findIndex(({ fromS }) => fromS <= now);
    const [one] = next < 0 ? [] : idle.splice(next, 1);
    if (!one) continue;
    requests++;
    const end = endOf(now, one.kind, {
      states,
      hash: murmur3(Uint8Array.of(requests, requests >> 8, requests >> 16), seed),
    });
    if (end.isBroken && end.s < SECONDS) broken++;
    idle.push({ kind: one.kind, fromS: end.s + (end.isBroken ? RETRY_S : 0) });
  }
  return { broken, requests };
}

function endOf(startS: number, kind: number, { states, hash }: { states: readonly Oracle[]; hash: number }) {
  const [, lastsS, kib] = REQUESTS[kind] as (typeof REQUESTS)[number];
  const pieces = Math.floor(kib * PIECES_PER_KIB);
  const stepS = lastsS / (kib * PIECES_PER_KIB);
  const opened = SERVERS.findLastIndex(([s]) => s <= startS);
  const target = states[opened]?.pick(hash);
  for (const [i, [s]] of SERVERS.entries()) {
    if (i <= opened || states[i]?.pick(hash) === target) continue;
    // The first piece comes at once.
    const piece = Math.ceil((s - startS) / stepS);
    if (piece < pieces) return { s: startS + piece * stepS, isBroken: true };
    break;
  }
  return { s: startS + Math.max(0, pieces - 1) * stepS, isBroken: false };
}

const SEEDS = 4;
const SOURCE = "Barbette et al., Cheetah, NSDI 2020; cheetahlb/experiments, dynamic/";
const WHAT = "while 24 servers become 30, then 22";
const simulated = (specOf: (seed: number) => OracleSpec) => () =>
  overSeeds(SEEDS, (seed) => brokenRequests(specOf(seed), seed).broken);
const byHash = simulated((seed) => ({ strategy: "modulo", seed, ports: true }));
const byRing = simulated((seed) => ({ strategy: "ring", seed, ports: true, replicas: 100 }));

const counted = (name: string, figures: Pick<Figure, "paper" | "simulate" | "differs">): Figure => ({
  name: "cheetah",
  what: `requests broken of some 105,000 ${WHAT}: ${name}`,
  source: SOURCE,
  unit: "requests",
  lab: "Connections of the lab live otherwise than their requests, and are fewer: the lab measures the order, in the row above.",
  ...figures,
});

/** Of the paper's requests a fifth: a lab of 30 targets on two cores. */
const trainOf = (backend: string, ...set: string[]): LabCase => ({
  backend,
  scenario: "papers/cheetah.json",
  options: { arrivals: 300 },
  set,
});

/** 1: each interval lies above the next one. */
function ordered(intervals: readonly Simulation["interval"][]): Simulation {
  const isSo = intervals.every(([low], i) => i + 1 === intervals.length || low > (intervals[i + 1]?.[1] ?? 0));
  const value = Number(isSo);
  return { value, interval: [value, value] };
}

const brokenShare = ({ consistency, connections }: Summary): Simulation["interval"] =>
  wilson95(consistency?.violations ?? 0, connections.established);

export const cheetah: readonly Figure[] = [
  {
    name: "cheetah",
    what: `hash breaks more requests than consistent hash, and that more than none, intervals apart, ${WHAT}`,
    source: SOURCE,
    unit: "(1: so it is)",
    paper: 1,
    simulate() {
      const [hash, ring] = [byHash(), byRing()];
      return ordered([hash.interval, ring.interval, [0, 0]]);
    },
    lab: {
      cases: [trainOf("nfqueue", "scheduler=modulo"), trainOf("xdp"), trainOf("syn_only")],
      of: (summaries) => ordered(summaries.map(brokenShare)),
    },
  },
  counted("hash", {
    paper: 997,
    simulate: byHash,
    differs: {
      why: "Here each answer under way is broken at its next piece once its server is another one. There the first three changes broke 788 requests, and the six after them 209.",
      here: [3000, 3700],
    },
  }),
  counted("consistent hash", {
    paper: 715,
    simulate: byRing,
    differs: {
      why: "A ring moves 1 of 25 answers when the 25th server comes. There 382 requests were broken until the last change, and 353 in the 20 seconds after it.",
      here: [150, 300],
    },
  }),
];
