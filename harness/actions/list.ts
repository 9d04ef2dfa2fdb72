// SPDX-License-Identifier: Apache-2.0

import { fitCase, ownWords } from "../plan/backend-options.ts";
import { allCases, type Case, type Catalog, unsupported } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import type { Runtime } from "../runtime/runtime.ts";

interface Listed {
  case: string;
  backend: string;
  scenario: string;
  runtimes: Record<string, { can: boolean; why: string | null }>;
}

/** All cases, and what this machine can run. */
export async function listCases(catalog: Catalog): Promise<Listed[]> {
  const asked = new Map<string, Promise<string[]>>();
  /** Many cases ask the same, and asking takes programs. */
  const once = (key: string, ask: () => Promise<string[]>) => {
    const answer = asked.get(key) ?? ask();
    asked.set(key, answer);
    return answer;
  };
  const gaps = async (runtime: Runtime, { backend, scenario }: Case): Promise<string[]> => {
    const never = unsupported({ backend, scenario });
    if (never.length > 0) return never;
    const words = ownWords({ backend, scenario });
    const { backendOptions, unfit } = fitCase({ backend, scenario }, words, parseOptions(runOptions, {}));
    const why = [
      ...(await once(runtime.name, () => runtime.missing())),
      ...(await once(`${runtime.name} ${backend.name} ${words.join(" ")}`, () =>
        backend.missing(runtime, backendOptions),
      )),
      ...(unfit === null ? [] : [unfit]),
      ...(await once(`scenario ${scenario.name}`, async () => (await scenario.missing?.()) ?? [])),
    ];
    return [...new Set(why)];
  };
  const listed: Listed[] = [];
  for (const one of allCases(catalog)) {
    const { name, backend, scenario } = one;
    const runtimes: Listed["runtimes"] = {};
    for (const runtime of catalog.runtimes) {
      const why = await gaps(runtime, one);
      runtimes[runtime.name] = { can: why.length === 0, why: why.length > 0 ? why.join(" ") : null };
    }
    listed.push({ case: name, backend: backend.name, scenario: scenario.name, runtimes });
  }
  return listed;
}

export async function listAll(catalog: Catalog, options: { json: boolean }): Promise<number> {
  const cases = await listCases(catalog);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(cases, null, 2)}\n`);
    return 0;
  }
  const width = Math.max(...cases.map((one) => one.case.length)) + 2;
  const lines = ["Cases (a backend and a scenario):"];
  /** Many cases have the same reason. */
  const reasons: string[] = [];
  const numberOf = (why: string) => (reasons.includes(why) ? reasons.indexOf(why) + 1 : reasons.push(why));
  for (const one of cases) {
    const can = Object.entries(one.runtimes).map(([name, { why }]) =>
      why === null ? name : `not ${name} [${numberOf(why)}]`,
    );
    lines.push(`  ${one.case.padEnd(width)}${can.join(", ")}`);
  }
  lines.push("", "Why not:", ...reasons.map((why, i) => `  ${`[${i + 1}]`.padEnd(5)}${why}`));
  lines.push("", "Backends:", ...catalog.backends.map((b) => `  ${b.name.padEnd(width)}${b.summary}`));
  lines.push("", "Scenarios:", ...catalog.scenarios.map((s) => `  ${s.name.padEnd(width)}${s.summary}`));
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}
