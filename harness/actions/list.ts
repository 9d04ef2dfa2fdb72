// SPDX-License-Identifier: Apache-2.0

import { fitCase, ownWords } from "../plan/backend-options.ts";
import { allCases, type Case, type Catalog, unsupported } from "../plan/catalog.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import type { Runtime } from "../runtime/runtime.ts";

export interface Listed {
  case: string;
  backend: string;
  scenario: string;
  /** `why`: all the reasons in one text. */
  runtimes: Record<string, { can: boolean; why: string | null; reasons: string[] }>;
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
      const reasons = await gaps(runtime, one);
      runtimes[runtime.name] = { can: reasons.length === 0, why: reasons.join(" ") || null, reasons };
    }
    listed.push({ case: name, backend: backend.name, scenario: scenario.name, runtimes });
  }
  return listed;
}
