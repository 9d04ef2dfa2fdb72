// SPDX-License-Identifier: Apache-2.0
import { defineCommand, type Values } from "../cli/command.ts";
import { choice, list, option, seconds, text, texts, whole } from "../plan/option.ts";
import { jsonShape, outShape, outsideShape, runShape, runtimeShape, setShape } from "../plan/options.ts";
import { MAX_SEED } from "../plan/repeat.ts";
import { sweepOption } from "../plan/sweep.ts";

const positionals = {
  name: option(texts().default([]), {
    about: "backends, 'all' (default), 'harness', or what listening costs: 'tap_control', 'tap_full'",
    names: "backend",
    expects: "a backend",
  }),
};
const options = {
  ...outsideShape,
  ...setShape,
  ...outShape,
  ...jsonShape,
  runtime: option(text().default("netns"), {
    group: "Topology",
    about: "machines of the lab: network namespaces (netns) or containers (docker, or swarm on several engines)",
    expects: "a runtime",
    names: "runtime",
  }),
  place: runtimeShape.place,
  targets: option(runShape.targets.unwrap().optional(), {
    group: "Topology",
    about: "number of targets",
    unit: "targets",
    defaultText: "4",
  }),
  metrics: option(list(text()).optional(), {
    group: "Measurement",
    about: "subset of the metrics, such as connections,requests",
    expects: "names of metrics",
    defaultText: "all",
  }),
  sweep: sweepOption(
    "Measurement",
    "growth of the cost: targets=.., connections=.. (live), services=.. (or rules=..), as in targets=10,100,1000",
  ),
  family: option(choice(["4", "6"]).default("4"), { group: "Load", about: "IP family of the traffic" }),
  repeat: option(whole(1, 100).optional(), {
    group: "Measurement",
    about: "rounds; an interval needs at least six",
    unit: "rounds",
    defaultText: "6; 5 for 'harness'",
  }),
  seconds: option(seconds(0.5, 60).default(2), {
    group: "Measurement",
    about: "length of each measurement",
    unit: "seconds",
  }),
  seed: option(whole(0, MAX_SEED).default(1), { group: "Load", about: "seed of the traffic" }),
};
export type BenchArgs = Values<typeof positionals> & Values<typeof options>;

export const benchCommand = defineCommand({
  name: "bench",
  summary:
    "measure throughput, connection rate, latency and cost of backends as ratios to plain forwarding, or the cost of the lab ('bench harness')",
  positionals,
  options,
  examples: [
    ["bench nfqueue ecmp nftables", "side by side, six interleaved rounds"],
    ["bench nfqueue --metrics connections,requests --seconds 1", ""],
    [
      "bench iptables_statistic nftables nfqueue --sweep services=1,10,100,1000",
      "the cost of more services, with the fitted growth",
    ],
  ],
  run: async (args, context) => (await import("../actions/bench.ts")).bench(args, context),
});
