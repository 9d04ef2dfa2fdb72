// SPDX-License-Identifier: Apache-2.0
// Runs every backend in every scenario, both families at once, over TCP and UDP, in guests in virtual time, and writes MATRIX.md:
// `npm run matrix -- [--jobs 2] [--out folder] [--keep] [--netns] [--defaults] [case or glob...]`. What the folder has already is left out, so it can be ended and
// taken up again. Exit code 1: a case did not pass.
import path from "node:path";
import { parseArgs } from "node:util";
import { type Cell, makeCells } from "../harness/actions/cells.ts";
import { conformanceMatrix, whyNot } from "../harness/actions/matrix.ts";
import { runMain } from "../harness/cli/main.ts";
import { type Case, findCases } from "../harness/plan/catalog.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import type { Protocol } from "../harness/record/schema.ts";
import { netns } from "../harness/runtime/netns.ts";
import { vm } from "../harness/runtime/vm.ts";
import { root } from "../harness/testing/machine.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";
import { short, unhurried } from "./short.ts";

const PAGE = path.join(import.meta.dirname, "MATRIX.md");
const PROTOCOLS: readonly Protocol[] = ["tcp", "udp"];
/** Enough for a verdict; those whose connections the kernel remembers are what people come for. */
const CONNECTIONS: Readonly<Record<string, number>> = { ipvs: 1000, keepalived: 1000 };
const FEW = 400;
/** What an ICMP error is about only the router of the connection knows, and over IPv6 another one may get it. */
const ONE_ROUTER: ReadonlySet<string> = new Set(["ipvs_pmtu", "keepalived_pmtu", "loaded_pmtu"]);
/** With this machine's clock: those of `short`. */
const SHORT = 1000;

/** Besides a backend's defaults: each way of IPVS to forward, and each of its schedulers. */
const VARIANTS = ["dsr", "masq", "tun"].flatMap((forward) =>
  ["rr", "wrr", "lc", "wlc", "sh", "dh", "mh", "sed", "nq"].map((scheduler) => [
    `forward=${forward}`,
    `scheduler=${scheduler}`,
  ]),
);
const [DEFAULT] = VARIANTS;
/** Those in which a way or a scheduler may make a difference to what is lost; of all of them the page would take a day. */
const VARIED = "scale scale_in scale_out scale_lb drift blackout affinity pmtu".split(" ");

const guest = vm.configured({ time: "virtual" });

function cellOf(one: Case, protocol: Protocol, { set, runtime }: Pick<Cell, "set" | "runtime">): Cell {
  const connections = CONNECTIONS[one.backend.name] ?? FEW;
  const times =
    runtime === guest
      ? unhurried(one.scenario.name, { protocol, connections })
      : Object.fromEntries(pairsOf(short(one.scenario.name, protocol)));
  const routers = ONE_ROUTER.has(one.name) ? { routers: 1 } : {};
  const words = { protocol, connections: runtime === guest ? connections : SHORT, ...times, ...routers };
  const typed = Object.entries(words).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const where = runtime === guest ? ["--time", "virtual"] : [];
  const commandLine = ["./load-balancer.ts", "test", one.name, ...where, ...typed];
  return {
    case: one,
    runtime,
    options: parseOptions(runOptions, words),
    set,
    commandLine: [...commandLine, ...set.flatMap((word) => ["--set", word])],
  };
}

/** "--rate", "2000" is rate and 2000. */
const pairsOf = (words: readonly string[]) =>
  words.flatMap((word, i): [string, string][] => (i % 2 === 0 ? [[word.slice(2), words[i + 1] ?? ""]] : []));

const catalog = { backends, scenarios, runtimes: [netns, vm] };

interface Wanted {
  /** What this kernel can is run without a guest. */
  netns: boolean;
  /** Without IPVS' variants. */
  defaults: boolean;
}

/** The defaults of all backends first, then IPVS' variants. */
async function cellsOf(patterns: readonly string[], { netns: real, defaults }: Wanted): Promise<Cell[]> {
  const all = findCases(catalog, patterns.length === 0 ? ["all"] : patterns);
  const here = new Set<string>();
  for (const backend of new Set(real ? all.map((one) => one.backend) : []))
    if ((await backend.missing(netns, backend.options.parse({}))).length === 0) here.add(backend.name);
  const making = (one: Case, set: readonly string[]) => {
    const runtime = here.has(one.backend.name) ? netns : guest;
    const fitting = PROTOCOLS.filter((protocol) => whyNot(one, protocol) === null);
    return fitting.map((protocol) => cellOf(one, protocol, { set, runtime }));
  };
  const varied = defaults
    ? []
    : all.filter(({ backend, scenario }) => backend.name === "ipvs" && VARIED.includes(scenario.name));
  return [
    ...all.flatMap((one) => making(one, [])),
    ...varied.flatMap((one) => VARIANTS.filter((set) => set !== DEFAULT).flatMap((set) => making(one, set))),
  ];
}

await runMain(async ({ signal }) => {
  const { values, positionals } = parseArgs({
    options: {
      jobs: { type: "string", default: "1" },
      out: { type: "string", default: path.join(root, "results", "matrix") },
      keep: { type: "boolean", default: false },
      netns: { type: "boolean", default: false },
      defaults: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const { out: folder, keep } = values;
  const cells = await cellsOf(positionals, values);
  const code = await makeCells(cells, { folder, keep, jobs: Math.max(1, Number(values.jobs)), signal });
  await conformanceMatrix({ results: [folder], write: PAGE }, { catalog });
  return code;
});
