// SPDX-License-Identifier: Apache-2.0
// nftlb's slides: requests per second and core through iptables and through nft, made again in a lab. Backends are words here, as on a
// command line.
import { medianInterval95 } from "../bench/result.ts";
import type { Measurement } from "../bench/rounds.ts";
import { median } from "../util/median.ts";
import { type Judged, judge, type Reproduced } from "./figure.ts";

export const SLIDES = "nftlb-slides";
const SOURCE = "nftlb, slides: HTTP requests a second for each core, wrk against nginx";

/** Who is measured, by the name that its figures have. */
export const CONTENDERS = {
  "iptables DNAT": { backend: "iptables_statistic", set: ["masquerade=false"] },
  "iptables SNAT": { backend: "iptables_statistic", set: ["masquerade=true"] },
  "nft DNAT": { backend: "nftables", set: ["mode=dnat"] },
  "nft SNAT": { backend: "nftables", set: ["mode=snat"] },
  "nft DSR": { backend: "nftables", set: ["mode=dsr"] },
  "nftlb DNAT": { backend: "nftlb", set: ["mode=dnat"] },
  "nftlb SNAT": { backend: "nftlb", set: ["mode=snat"] },
  "nftlb DSR": { backend: "nftlb", set: ["mode=dsr"] },
} as const satisfies Record<string, { backend: string; set: readonly string[] }>;
type Name = keyof typeof CONTENDERS;

/** The slides' figures; that of direct return, 7,302,517, no client can have asked for. */
const PUBLISHED = { DNAT: 608_941 / 256_864, SNAT: 560_976 / 262_089, DSR: null } as const;

/** Where ours lie near 1. */
const DIFFERS: NonNullable<Judged["differs"]> = {
  why: "Here conntrack translates the packets of a known connection in both, which ask no rule, and a busy core is one of the whole lab, clients and servers included, and not of a router alone.",
  here: [0.5, 1.6],
};

/** Each is measured in the same rounds as what it is divided by; a cost is divided the other way round: more is better. */
const METRICS = [
  { metric: "requests_core", what: "requests a second and core over kept connections", compared: true },
  { metric: "connections", what: "connections a second, each for one request", compared: false },
  { metric: "connect_cpu", what: "connections a core, each for one request", compared: false },
  { metric: "connect_p50", what: "time to connect and be answered", compared: false },
] as const;
const COSTS: readonly string[] = ["connect_cpu"];
export const SLIDE_METRICS: readonly string[] = METRICS.map(({ metric }) => metric);

/** Ratios of each way of nft to iptables in the same mode (direct return: to DNAT), round by round. */
export function slideRatios(measurements: readonly Measurement[]): Reproduced[] {
  return METRICS.flatMap(({ metric, what, compared }) =>
    (["DNAT", "SNAT", "DSR"] as const).flatMap((mode) =>
      (["nft", "nftlb"] as const).flatMap((way): Reproduced[] => {
        const base: Name = mode === "DSR" ? "iptables DNAT" : `iptables ${mode}`;
        const ratios = ratiosOf(measurements, metric, `${way} ${mode}`, base);
        const interval = medianInterval95(ratios);
        if (!interval) return [];
        const published = compared ? PUBLISHED[mode] : null;
        const paper = published && Number(published.toFixed(2));
        const figure = {
          name: SLIDES,
          what: `${way} ${mode} : ${base}, ${what}`,
          source: SOURCE,
          unit: "times",
          paper,
        };
        const judged = judge({ ...figure, differs: DIFFERS }, { value: median(ratios), interval });
        return [{ ...figure, simulated: null, real: judged }];
      }),
    ),
  );
}

function ratiosOf(all: readonly Measurement[], metric: string, name: string, base: string): number[] {
  const of = (backend: string, round: number) =>
    all.find((one) => one.backend === backend && one.metric === metric && one.round === round)?.value;
  const rounds = [...new Set(all.map(({ round }) => round))];
  return rounds.flatMap((round) => {
    const [own, other] = [of(name, round), of(base, round)];
    if (!own || !other) return [];
    return [COSTS.includes(metric) ? other / own : own / other];
  });
}
