// SPDX-License-Identifier: Apache-2.0
// Any scenario in the form of a file: read again, it is the same.
import type { Plan, Scenario, ScenarioOptions, Step } from "../api/scenario.ts";
import { memberNoun } from "../events/meaning.ts";
import { toFile } from "./flow-schema.ts";
import type { FileStep, ScenarioFile } from "./scenario-schema.ts";

/** What a file holds that says the same, with these options. */
export function contentOf(scenario: Scenario, options: ScenarioOptions): ScenarioFile {
  const { name, summary, set, needs, protocol, affinityS } = scenario;
  const plan = scenario.plan(options);
  return {
    name,
    summary,
    topology: { targets: options.targets, routers: options.routers },
    ...(set ? { set: { ...set } } : {}),
    ...(needs ? { needs } : {}),
    ...(protocol ? { protocol } : {}),
    ...(affinityS === undefined ? {} : { affinity: affinityS }),
    ...("unfit" in scenario || "missing" in scenario || "without" in scenario ? { like: name } : {}),
    mode: plan.mode,
    duration: plan.durationS,
    out: [...plan.out],
    ...traffic(plan),
    events: plan.steps.map(stepOf),
  };
}

function traffic(plan: Plan): Partial<ScenarioFile> {
  const { visitsS, rate, size, silenceS, directS, arrivals, sameTuple, flood, attack, squeezeMtu, icmpDropped } = plan;
  const { front, flows, paths } = plan;
  return {
    ...(visitsS ? { visits: [...visitsS] } : {}),
    ...(rate === undefined ? {} : { rate }),
    ...(size === undefined ? {} : { size }),
    ...(silenceS === undefined ? {} : { silence: silenceS }),
    ...(directS === undefined ? {} : { direct: directS }),
    ...(arrivals === undefined ? {} : { probes: arrivals }),
    ...(sameTuple ? { sameTuple } : {}),
    ...(attack === undefined ? {} : { attack }),
    ...(flood === undefined ? {} : { flood: { from: flood.fromS, until: flood.untilS } }),
    ...(squeezeMtu === undefined ? {} : { mtu: squeezeMtu }),
    ...(icmpDropped ? { icmp: "drop" as const } : {}),
    ...(paths ? { paths } : {}),
    ...(flows ? { flows: toFile(flows) } : {}),
    ...(front ? { frontSeed: front.seed } : {}),
  };
}

function stepOf({ atS, event, members, weights, flows }: Step): FileStep {
  const others = (weights ?? []).flatMap((weight, i) => (weight === 1 ? [] : [[`${i + 1}`, weight] as const]));
  return {
    at: atS,
    event: event.kind as FileStep["event"],
    [`${memberNoun(event)}s`]: [...members],
    ...(weights ? { weights: Object.fromEntries(others) } : {}),
    ...(flows ? { flows: toFile(flows) } : {}),
  };
}

/** A line for each event. */
export function scenarioText(content: ScenarioFile): string {
  const { events, ...rest } = content;
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, "");
  const lines = events.map((event) => `    ${JSON.stringify(event)}`);
  return `${head},\n  "events": [${lines.length > 0 ? `\n${lines.join(",\n")}\n  ` : ""}]\n}\n`;
}
