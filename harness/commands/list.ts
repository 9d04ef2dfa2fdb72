import { allCases, type Catalog, unsupported } from "../catalog.ts";
import { fitCase, parseOptions, runOptions } from "../options.ts";

interface Listed {
  case: string;
  backend: string;
  scenario: string;
  runtimes: Record<string, { can: boolean; why: string | null }>;
}

/** All cases, and what this machine can run. */
export async function listCases(catalog: Catalog): Promise<Listed[]> {
  const missing = new Map<string, string[]>();
  for (const runtime of catalog.runtimes) {
    const own = await runtime.missing();
    for (const backend of catalog.backends)
      missing.set(`${runtime.name}/${backend.name}`, [...own, ...(await backend.missing(runtime))]);
  }
  return allCases(catalog).map(({ name, backend, scenario }) => {
    const { unfit } = fitCase({ backend, scenario }, [], parseOptions(runOptions, {}));
    return {
      case: name,
      backend: backend.name,
      scenario: scenario.name,
      runtimes: Object.fromEntries(
        catalog.runtimes.map((runtime) => {
          const why = [
            ...unsupported({ backend, scenario }),
            ...(missing.get(`${runtime.name}/${backend.name}`) ?? []),
            ...(unfit === null ? [] : [unfit]),
          ];
          return [runtime.name, { can: why.length === 0, why: why.length > 0 ? why.join(" ") : null }];
        }),
      ),
    };
  });
}

export async function listCommand(catalog: Catalog, options: { json: boolean }): Promise<number> {
  const cases = await listCases(catalog);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(cases, null, 2)}\n`);
    return 0;
  }
  const width = Math.max(...cases.map((one) => one.case.length)) + 2;
  const lines = ["Cases (a backend and a scenario):"];
  for (const one of cases) {
    const can = Object.entries(one.runtimes).map(([name, { can, why }]) => (can ? name : `${name}: no. ${why}`));
    lines.push(`  ${one.case.padEnd(width)}${can.join("; ")}`);
  }
  lines.push("", "Backends:", ...catalog.backends.map((b) => `  ${b.name.padEnd(width)}${b.summary}`));
  lines.push("", "Scenarios:", ...catalog.scenarios.map((s) => `  ${s.name.padEnd(width)}${s.summary}`));
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}
