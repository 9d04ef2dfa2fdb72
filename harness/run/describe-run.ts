// SPDX-License-Identifier: Apache-2.0
// What run.json says of a case before it runs.
import type { Scenario } from "../api/scenario.ts";
import type { describeHost } from "../host/describe.ts";
import type { FileScenario } from "../plan/scenario-file.ts";
import { type RunInfo, SCHEMA } from "../record/schema.ts";
import { planTopology } from "../topology/topology.ts";
import type { PlannedCase } from "./planned-case.ts";
import type { Chosen } from "./runtimes.ts";

export type DescribedHost = Awaited<ReturnType<typeof describeHost>>;

/** run.json, as far as it is known before the run. */
export function describeRun(
  planned: PlannedCase,
  { runtime, session }: { runtime: Pick<Chosen["runtime"], "name" | "given">; session: Chosen["session"] },
  commandLine: readonly string[],
  { environment: variables, ...host }: DescribedHost,
): Omit<RunInfo, "id" | "startedAt"> {
  const { backend, scenario, name } = planned.case;
  const topology = planTopology({ targets: planned.options.targets, routers: planned.routers });
  const { kernel, capacity } = session?.prepared ?? {};
  const environment = { ...variables, ...planned.variables };
  return {
    schema: SCHEMA,
    case: name,
    backend: backend.name,
    scenario: scenario.name,
    commandLine: [...commandLine],
    ...host,
    tools: { ...host.tools },
    ...(Object.keys(environment).length === 0 ? {} : { environment }),
    runtime: runtime.name,
    ...(kernel === undefined ? {} : { kernel }),
    ...(capacity ? { calibrated: capacity } : {}),
    ...(session?.clock.isVirtual ? { time: "virtual" as const } : {}),
    targets: topology.targets.map((t) => t.name),
    routers: topology.routers.map((r) => r.name),
    family: planned.options.family,
    protocol: planned.load.protocol,
    seed: planned.seed,
    options: {
      // As run.json will hold them: a report that is made again knows no more.
      ...Object.fromEntries(Object.entries(planned.options).filter(([, value]) => value !== undefined)),
      routers: planned.routers,
      connections: planned.load.connections,
      rate: planned.load.rate,
      size: planned.load.size,
      duration: planned.plan.durationS,
    },
    backendOptions: planned.backendOptions,
    asked: {
      options: { ...planned.options, seed: planned.seed },
      set: [...planned.set],
      ...contentOf(scenario),
      runtime: { ...runtime.given },
    },
  };
}

const contentOf = (scenario: Scenario & Partial<FileScenario>) =>
  scenario.content ? { scenario: scenario.content } : {};
