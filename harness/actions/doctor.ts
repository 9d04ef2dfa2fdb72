// SPDX-License-Identifier: Apache-2.0
import { versionsHere } from "../api/versions.ts";
import { describeHost } from "../host/describe.ts";
import { exceeded, readLimits } from "../host/limits.ts";
import { ownWords, parseBackendOptions } from "../plan/backend-options.ts";
import { allCases, type Catalog, findNamed, unsupported } from "../plan/catalog.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { EXIT } from "../util/exit-codes.ts";

const MILLION = 1_000_000;

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
  for (const runtime of catalog.runtimes) findings.push(...(await examine(runtime, { ...catalog, backends })));
  const { host, gitRevision, tools: own } = await describeHost();
  const requires = backends.map((backend) => backend.requires(parseBackendOptions(backend, [])));
  const tools = { ...own, ...(await versionsHere(requires, gitRevision)) };
  const limits = await readLimits();
  const million = [false, true].map((tracked) => ({ tracked, gaps: exceeded(limits, MILLION, tracked) }));
  if (options.json) process.stdout.write(`${JSON.stringify({ host, tools, findings, million }, null, 2)}\n`);
  else {
    const lines = [
      `kernel ${host.kernel}, ${host.cpus} CPUs (${host.cpuModel}), ${host.memoryMiB} MiB`,
      ...Object.entries(tools).map(([name, version]) => `${name}: ${version}`),
      "",
      ...findings.flatMap(findingLines),
      ...million.flatMap(millionLines),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return findings.some((f) => f.backend !== null && f.can) ? EXIT.passed : EXIT.infrastructure;
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

function findingLines({ runtime, backend, scenario, can, gaps }: Finding): string[] {
  const what = [runtime, backend, scenario && `scenario ${scenario}`].filter((part) => part !== null);
  return [`${can ? "ok     " : "missing"} ${what.join(" / ")}`, ...gaps.map((gap) => `          ${gap}`)];
}

const millionLines = ({ tracked, gaps }: Million) => [
  `${gaps.length === 0 ? "ok     " : "missing"} a million TCP connections${tracked ? " that conntrack holds" : ""}`,
  ...gaps.map((gap) => `          ${gap}`),
];
