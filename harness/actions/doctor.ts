// SPDX-License-Identifier: Apache-2.0
import { versionsHere } from "../api/versions.ts";
import { describeHost } from "../host/describe.ts";
import { exceeded, readLimits } from "../host/limits.ts";
import { exceededOn, limitOf } from "../host/node-limits.ts";
import { noiseSentences, readNoise } from "../host/noise.ts";
import { ownWords, parseBackendOptions } from "../plan/backend-options.ts";
import { allCases, type Catalog, findNamed, unsupported } from "../plan/catalog.ts";
import { nodeText, type Runtime, type RuntimeNode } from "../runtime/runtime.ts";
import { planTopology } from "../topology/topology.ts";
import { EXIT } from "../util/exit-codes.ts";
import { plural } from "../util/numbers.ts";
import { textColumns, wrap } from "../util/wrap.ts";

const MILLION = 1_000_000;
/** The default of `test`. */
const TYPICAL = { targets: 10, routers: 1 };

interface Finding {
  runtime: string;
  /** null: the runtime itself. */
  backend: string | null;
  /** null: any. Else the gaps are what this scenario lacks besides. */
  scenario: string | null;
  can: boolean;
  gaps: string[];
}

interface Million {
  tracked: boolean;
  gaps: string[];
}

/** What this machine supports, and the command that would close each gap. Exit code 3 when nothing can run at all. */
export async function diagnose(
  catalog: Catalog,
  options: { backend: string | undefined; json: boolean },
): Promise<number> {
  const backends = options.backend ? [findNamed("backend", catalog.backends, options.backend)] : catalog.backends;
  const findings: Finding[] = [];
  const nodes: RuntimeNode[] = [];
  for (const runtime of catalog.runtimes)
    if (runtime.nodes && (await runtime.missing()).length === 0)
      nodes.push(...(await runtime.nodes(planTopology(TYPICAL))));
  for (const runtime of catalog.runtimes) findings.push(...(await examine(runtime, { ...catalog, backends })));
  const { host, gitRevision, tools: own } = await describeHost();
  const requires = backends.map((backend) => backend.requires(parseBackendOptions(backend, [])));
  const tools = { ...own, ...(await versionsHere(requires, gitRevision)) };
  const limits = await readLimits();
  const million = [false, true].map((tracked) => ({ tracked, gaps: exceeded(limits, MILLION, tracked) }));
  const noise = noiseSentences(readNoise());
  if (options.json)
    process.stdout.write(`${JSON.stringify({ host, tools, findings, million, noise, nodes }, null, 2)}\n`);
  else {
    const lines = [
      `kernel ${host.kernel}, ${host.cpus} CPUs (${host.cpuModel}), ${host.memoryMiB} MiB`,
      ...Object.entries(tools).map(([name, version]) => `${name}: ${version}`),
      "",
      ...doctorLines(findings, million),
      ...nodeLines(nodes),
      ...(noise.length > 0 ? [""] : []),
      ...noise.flatMap((sentence) => wrap(sentence, textColumns())),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return findings.some((f) => f.backend !== null && f.can) ? EXIT.passed : EXIT.infrastructure;
}

/** Each node, what a typical lab has on it, and what stands in the way of a million connections there. */
export function nodeLines(nodes: readonly RuntimeNode[]): string[] {
  const lines = nodes.flatMap((node) => {
    const first = `  ${nodeText(node)}`;
    const gaps = node.limits
      ? exceededOn(node, MILLION, true)
      : [`On node '${node.name}': limits are known after the first run.`];
    return [first, ...gaps.flatMap((gap) => wrap(gap, textColumns() - 4).map((line) => `    ${line}`))];
  });
  const limit = limitOf(nodes, MILLION, true);
  return lines.length === 0
    ? []
    : ["", "Nodes, and what a million connections lack there:", ...lines, ...(limit ? wrap(limit, textColumns()) : [])];
}

async function examine(runtime: Runtime, catalog: Catalog): Promise<Finding[]> {
  const findings: Finding[] = [];
  const own = await runtime.missing();
  const found = (backend: string | null, scenario: string | null, gaps: string[]) =>
    findings.push({ runtime: runtime.name, backend, scenario, can: own.length + gaps.length === 0, gaps });
  found(null, null, own);
  for (const scenario of catalog.scenarios) {
    const gaps = (await scenario.missing?.()) ?? [];
    if (gaps.length > 0) found(null, scenario.name, gaps);
  }
  for (const backend of catalog.backends) {
    const gaps = await backend.missing(runtime, parseBackendOptions(backend, []));
    found(backend.name, null, gaps);
    for (const one of allCases({ ...catalog, backends: [backend] })) {
      const words = ownWords(one);
      if (words.length === 0 || unsupported(one).length > 0) continue;
      const all = await backend.missing(runtime, parseBackendOptions(backend, words));
      const more = all.filter((gap) => !gaps.includes(gap));
      if (more.length > 0) found(backend.name, one.scenario.name, more);
    }
  }
  return findings;
}

interface Gap {
  sentence: string;
  /** What it stands in the way of, by runtime; "" is of all. */
  stops: Map<string, string[]>;
}

/** Each gap once, in the order of their first mention. */
function gapsOf(findings: readonly Finding[], million: readonly Million[]): Gap[] {
  const gaps = new Map<string, Gap>();
  const add = (sentence: string, runtime: string, what: string) => {
    const gap = gaps.get(sentence) ?? { sentence, stops: new Map() };
    gap.stops.set(runtime, [...(gap.stops.get(runtime) ?? []), what]);
    gaps.set(sentence, gap);
  };
  for (const { runtime, backend, scenario, gaps: sentences } of findings) {
    const what = backend === null ? (scenario ?? "everything") : backend + (scenario === null ? "" : `_${scenario}`);
    for (const sentence of sentences) add(sentence, runtime, what);
  }
  for (const { tracked, gaps: sentences } of million)
    for (const sentence of sentences) add(sentence, "", MILLION_WORDS[Number(tracked)] ?? "");
  return [...gaps.values()];
}

const MILLION_WORDS = ["a million TCP connections", "a million TCP connections that conntrack holds"];

/** What works, by runtime; then the gaps. `width` in characters. */
export function doctorLines(
  findings: readonly Finding[],
  million: readonly Million[],
  width: number = textColumns(),
): string[] {
  const hung = (head: string, text: string) =>
    wrap(text, width - head.length).map((line, i) => (i === 0 ? head : " ".repeat(head.length)) + line);
  const works = [...new Set(findings.map(({ runtime }) => runtime))].flatMap((runtime) => {
    const own = findings.filter((one) => one.runtime === runtime && one.backend !== null && one.scenario === null);
    const can = own.flatMap(({ backend, can: works }) => (works && backend !== null ? [backend] : []));
    const names =
      can.length > 1 && can.length === own.length ? `all ${plural(can.length, "backend")}` : can.join(" ") || "nothing";
    return hung(`  ${runtime.padEnd(7)}`, names);
  });
  const large = million.flatMap(({ tracked, gaps }) =>
    gaps.length === 0 ? [`  ${MILLION_WORDS[Number(tracked)]}`] : [],
  );
  const gaps = gapsOf(findings, million);
  const missing = gaps.flatMap(({ sentence, stops }, i) => [
    ...hung(`${String(i + 1).padStart(3)} `, sentence),
    ...hung(
      "    stops ",
      [...stops].map(([where, whats]) => (where === "" ? "" : `${where}: `) + whats.join(", ")).join("; "),
    ),
  ]);
  return [
    "Works here:",
    ...works,
    ...large,
    "",
    ...(gaps.length === 0 ? ["Nothing is missing."] : ["Gaps, each with what closes it:", ...missing]),
  ];
}
