// SPDX-License-Identifier: Apache-2.0
// Root causes over eight backends and five scenarios, and whether anybody is blamed in runs of healthy balancers; the tables go into
// docs/explain.md: `npm run causes -- [--connections 10000] [--healthy 100] [--out folder] [--keep] [backend...]`. What the folder has
// already is left out, so it can be ended and taken up again. Exit code 1: a lost connection has no cause, or somebody was blamed.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Cell, makeCells } from "../harness/actions/cells.ts";
import { whyNot } from "../harness/actions/matrix.ts";
import { runMain } from "../harness/cli/main.ts";
import { findNamed } from "../harness/plan/catalog.ts";
import { parseOptions } from "../harness/plan/invalid.ts";
import { runOptions } from "../harness/plan/options.ts";
import type { ByRoot, RootCause, RunInfo, Summary } from "../harness/record/schema.ts";
import { causeName } from "../harness/report/format.ts";
import { netns } from "../harness/runtime/netns.ts";
import { finishedRuns } from "../harness/set/manifest.ts";
import { root } from "../harness/testing/machine.ts";
import { EXIT } from "../harness/util/exit-codes.ts";
import { count } from "../harness/util/numbers.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";
import { short } from "./short.ts";

const PAGE = path.join(root, "docs", "explain.md");
const [BEGIN, END] = ["<!-- causes begin -->", "<!-- causes end -->"];
const BACKENDS = ["nfqueue", "ecmp", "iptables_statistic", "iptables_hmark", "nftables", "haproxy", "xdp", "loaded"];
const SCENARIOS = ["scale", "scale_lb", "churn", "rolling", "router_link"];
/** Of runs in which all that is lost was predicted: targets leave and return, or nothing happens at all. */
const HEALTHY = ["scale", "connect"];
/** What a healthy balancer may lose connections by. */
const DUE: ReadonlySet<RootCause> = new Set<RootCause>(["moved_by_table", "target_gone", "state_flushed"]);
const SHORT = 1000;
const SMALL = { connections: 200, targets: 4 };

interface Found {
  run: RunInfo;
  summary: Summary;
}

/** null: the backend does not fit the scenario. */
function cellOf(backendName: string, scenarioName: string, more: Record<string, number>): Cell | null {
  const backend = findNamed("backend", backends, backendName);
  const scenario = findNamed("scenario", scenarios, scenarioName);
  const one = { name: `${backendName}_${scenarioName}`, backend, scenario };
  if (whyNot(one, "tcp") !== null) return null;
  const words = short(scenarioName, "tcp").flatMap((word, i, all) =>
    word.startsWith("--") ? [[word.slice(2), stretched(word, all[i + 1] ?? "", more.connections)] as const] : [],
  );
  const options = { ...Object.fromEntries(words), ...more };
  const typed = Object.entries(options).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const commandLine = ["./load-balancer.ts", "test", one.name, ...typed];
  return { case: one, runtime: netns, options: parseOptions(runOptions, options), set: [], commandLine };
}

/** The words of `short` are for 1,000 connections: more send twice as often, and have the more time. */
function stretched(option: string, value: string, connections = SHORT): string {
  const factor = Math.max(1, connections / SHORT / 2);
  if (option === "--rate") return `${factor > 1 ? 2 * Number(value) : value}`;
  const isTime = option === "--at" || option === "--duration";
  return isTime ? value.replace(/[\d.]+/g, (s) => `${Math.round(Number(s) * factor * 1000) / 1000}`) : value;
}

const sum = (causes: ByRoot) => Object.values(causes).reduce((total, n) => total + n, 0);
const lostIn = ({ connections }: Summary) => connections.lost;
const textOf = (causes: ByRoot): string =>
  Object.entries(causes)
    .sort(([, a], [, b]) => b - a)
    .map(([cause, n]) => `${causeName(cause as RootCause)} ${count(n)}`)
    .join(", ");

function tableOf(found: readonly Found[], names: readonly string[], connections: number): string[] {
  const cell = (backend: string, scenario: string) => {
    const last = found.findLast(
      ({ run }) =>
        run.case === `${backend}_${scenario}` &&
        run.options.connections === connections &&
        run.options.targets !== SMALL.targets,
    );
    if (!last) return "–";
    const { summary } = last;
    if (summary.verdict === "skip") return "skipped";
    return lostIn(summary) === 0 ? "none lost" : textOf(summary.causes ?? {});
  };
  return [
    `| ${["backend", ...SCENARIOS].join(" | ")} |`,
    `|${" --- |".repeat(SCENARIOS.length + 1)}`,
    ...names.map((name) => `| \`${name}\` | ${SCENARIOS.map((scenario) => cell(name, scenario)).join(" | ")} |`),
  ];
}

/** Of runs with events, each root cause that no event brings; of those without, all. */
const blamed = ({ summary }: Found): number =>
  sum(summary.causesOutsideEvents ?? {}) +
  Object.entries(summary.causes ?? {}).reduce((n, [cause, of]) => n + (DUE.has(cause as RootCause) ? 0 : of), 0);

await runMain(async ({ signal }) => {
  const { values, positionals } = parseArgs({
    options: {
      connections: { type: "string", default: "1000" },
      healthy: { type: "string", default: "0" },
      out: { type: "string", default: path.join(root, "results", "causes") },
      keep: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const { out: folder, keep } = values;
  const [connections, healthy] = [Number(values.connections), Number(values.healthy)];
  const names = positionals.length > 0 ? positionals : BACKENDS;
  const cells = names.flatMap((backend) => SCENARIOS.flatMap((name) => cellOf(backend, name, { connections }) ?? []));
  const well = Array.from({ length: healthy }, (_, i) => {
    const [backend = "", scenario = ""] = [
      names[i % names.length],
      HEALTHY[Math.floor(i / names.length) % HEALTHY.length],
    ];
    return cellOf(backend, scenario, { ...SMALL, seed: i + 1 });
  });
  await makeCells([...cells, ...well.flatMap((one) => one ?? [])], { folder, keep, jobs: 1, signal });
  if (signal.aborted) return EXIT.interrupted;
  const { found } = finishedRuns(folder);
  const [calm, wide] = [found.filter(({ run }) => run.options.targets === SMALL.targets), found];
  // The last run of each: what the table shows.
  const last = new Map(
    wide.flatMap((one) =>
      one.run.options.connections === connections && one.run.options.targets !== SMALL.targets
        ? [[one.run.case, one]]
        : [],
    ),
  );
  const judged = [...last.values()];
  const lost = judged.reduce((total, { summary }) => total + lostIn(summary), 0);
  const unknown = judged.reduce((total, { summary }) => total + (summary.causes?.unknown ?? 0), 0);
  const passed = calm.filter(({ summary }) => summary.verdict === "pass");
  const blames = passed.reduce((total, one) => total + blamed(one), 0);
  const day = judged.at(-1)?.run.startedAt.slice(0, 10) ?? "";
  const text = [
    `${day}, ${count(connections)} connections, 10 targets: ${count(lost)} lost, ${count(unknown)} of them without a cause.`,
    "",
    ...tableOf(wide, names, connections),
    ...(healthy === 0
      ? []
      : [
          "",
          `In ${count(passed.length)} runs of healthy balancers (${count(SMALL.connections)} connections each, seeds from 1), ${count(blames)} connections were blamed on\nanybody.`,
        ]),
  ].join("\n");
  const page = readFileSync(PAGE, "utf8");
  const [from, to] = [page.indexOf(BEGIN) + BEGIN.length, page.indexOf(END)];
  writeFileSync(PAGE, `${page.slice(0, from)}\n${text}\n${page.slice(to)}`);
  process.stdout.write(`${text}\n`);
  return unknown > 0 || blames > 0 ? EXIT.failed : EXIT.passed;
});
