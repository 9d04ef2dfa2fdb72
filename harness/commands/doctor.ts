import { type Catalog, findNamed } from "../catalog.ts";
import { EXIT } from "../exit-codes.ts";
import { describeHost } from "../host.ts";
import { exceeded, readLimits } from "../limits.ts";

const MILLION = 1_000_000;

interface Finding {
  runtime: string;
  /** null: the runtime itself. */
  backend: string | null;
  can: boolean;
  gaps: string[];
}

/** What this machine supports, and the command that would close each gap. Exit code 3 when nothing can run at all. */
export async function doctorCommand(
  catalog: Catalog,
  options: { backend: string | undefined; json: boolean },
): Promise<number> {
  const backends = options.backend ? [findNamed("backend", catalog.backends, options.backend)] : catalog.backends;
  const findings: Finding[] = [];
  for (const runtime of catalog.runtimes) {
    const own = await runtime.missing();
    findings.push({ runtime: runtime.name, backend: null, can: own.length === 0, gaps: own });
    for (const backend of backends) {
      const gaps = await backend.missing(runtime);
      findings.push({ runtime: runtime.name, backend: backend.name, can: own.length + gaps.length === 0, gaps });
    }
  }
  const { host, tools } = await describeHost();
  const limits = await readLimits();
  const million = [false, true].map((tracked) => ({ tracked, gaps: exceeded(limits, MILLION, tracked) }));
  if (options.json) process.stdout.write(`${JSON.stringify({ host, tools, findings, million }, null, 2)}\n`);
  else {
    const lines = [
      `kernel ${host.kernel}, ${host.cpus} CPUs (${host.cpuModel}), ${host.memoryMiB} MiB`,
      ...Object.entries(tools).map(([name, version]) => `${name}: ${version}`),
      "",
    ];
    for (const finding of findings) {
      lines.push(
        `${finding.can ? "ok     " : "missing"} ${finding.runtime}${finding.backend ? ` / ${finding.backend}` : ""}`,
      );
      lines.push(...finding.gaps.map((gap) => `          ${gap}`));
    }
    for (const { tracked, gaps } of million)
      lines.push(
        `${gaps.length === 0 ? "ok     " : "missing"} a million TCP connections${tracked ? " that conntrack holds" : ""}`,
        ...gaps.map((gap) => `          ${gap}`),
      );
    process.stdout.write(`${lines.join("\n")}\n`);
  }
  return findings.some((f) => f.backend !== null && f.can) ? EXIT.passed : EXIT.infrastructure;
}
