// SPDX-License-Identifier: Apache-2.0
// --services and --flows: several services, each with targets of its own, and what of the load goes to them.
import { readFileSync } from "node:fs";
import type { Plan } from "../api/scenario.ts";
import { inUse } from "../events/meaning.ts";
import { addressBytes, PROTOCOL } from "../oracle/hash.ts";
import { classifier, type FlowRule, portRange } from "../oracle/strategies/flow-rules.ts";
import type { Family } from "../record/schema.ts";
import { TupleSpace } from "../simulate/tuples.ts";
import { clientVips, MAX_VIPS } from "../topology/topology.ts";
import { type Destination, destinationsOf, type Load } from "../traffic/streams.ts";
import { flowSource } from "../traffic/traffic.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { flowsInFile, toRules } from "./flow-schema.ts";
import { parseJsonc } from "./jsonc.ts";
import type { RunOptions } from "./options.ts";

const FAMILIES = [4, 6] as const;

/** null: nobody asked for several. Throws UsageError. */
export function flowsOf({ services, flows, vips, targets }: RunOptions): FlowRule[] | null {
  if (flows !== undefined && services > 1)
    throw new UsageError("--flows says which services there are: try without --services.");
  if (vips > 1 && (flows !== undefined || services > 1))
    throw new UsageError("--vips is for one service: with --services each has a VIP, and --flows names them.");
  if (flows !== undefined) return readFlows(flows, targets);
  return services > 1 ? servicesOf(services, targets) : null;
}

/** Services that share out the targets, each at a VIP of its own. Throws UsageError where there are too few targets. */
export function servicesOf(services: number, targets: number): FlowRule[] {
  if (targets < services)
    throw new UsageError(`${services} services need as many targets, not ${targets}. Try --targets ${services}.`);
  const bound = (i: number) => Math.floor((targets * i) / services);
  return Array.from({ length: services }, (_, i) => ({
    name: `service${i + 1}`,
    vips: FAMILIES.map((family) => clientVips({ vips: services }, family)[i] ?? ""),
    targets: Array.from({ length: bound(i + 1) - bound(i) }, (_, k) => bound(i) + k),
  }));
}

function readFlows(file: string, targets: number): FlowRule[] {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read the flows '${file}': ${systemReason(cause)}.`, { cause });
  }
  const lines = parseJsonc(content, file);
  const wrong = (path: readonly PropertyKey[], words: string) =>
    new UsageError(`${file}, line ${lines.lineOf(path)}: ${words}`);
  const parsed = flowsInFile.safeParse(lines.value);
  const [issue] = parsed.error?.issues ?? [];
  const key = issue?.path.findLast((part) => typeof part === "string");
  if (issue) throw wrong(issue.path, `${key === undefined ? "" : `'${String(key)}': `}${issue.message}.`);
  return toRules(parsed.data ?? [], targets, wrong);
}

const ALL_VIPS = FAMILIES.flatMap((family) => clientVips({ vips: MAX_VIPS }, family));

/** Where connections go: to each VIP that a flow names, at the first port of each range. Throws UsageError. */
export function flowLoad(rules: readonly FlowRule[], families: readonly Family[]): Required<Pick<Load, "to" | "vips">> {
  const found = new Map<string, Destination>();
  for (const { name, vips, ports } of rules)
    for (const vip of vips.filter((word) => !word.includes("/"))) {
      if (!ALL_VIPS.includes(vip))
        throw new UsageError(
          `Flow '${name}': '${vip}' is no VIP of the lab. There are ${ALL_VIPS[0]} to 10.0.0.${MAX_VIPS - 1}, and 1000:: to 1000::${MAX_VIPS - 1}.`,
        );
      for (const port of ports?.map((range) => portRange(range)[0]) ?? [undefined])
        found.set(`${vip} ${port}`, { vip, ...(port === undefined ? {} : { port }) });
    }
  const to = [...found.values()];
  const without = families.find((family) => destinationsOf({ to }, family).length === 0);
  if (without !== undefined)
    throw new UsageError(`No flow names a VIP of IPv${without}. Try --family ${without === 4 ? 6 : 4}, or name one.`);
  return { to, vips: Math.max(...to.map(({ vip }) => (ALL_VIPS.indexOf(vip) % MAX_VIPS) + 1)) };
}

/** So many connections to each destination are looked at. */
const LOOKED_AT = 2000;

/** Throws UsageError where a connection would have no flow, or a flow no target. */
export function checkFlows(plan: Plan, load: Load, targets: number): void {
  if (!plan.flows) return;
  const start = Array.from({ length: targets }, (_, i) => i + 1).filter((number) => !plan.out.includes(number));
  const sets = inUse(
    "targets",
    start,
    plan.steps.map(({ event, members }) => ({ meaning: event, members })),
    { router: 0, routers: 1 },
  );
  let rules = plan.flows;
  for (const [i, active] of sets.entries()) {
    rules = plan.steps[i - 1]?.flows ?? rules;
    const when = i === 0 ? "at the start" : `after the event at ${plan.steps[i - 1]?.atS} s`;
    const empty = rules.find((rule) => !rule.targets.some((index) => active.has(index + 1)));
    if (empty)
      throw new UsageError(`Flow '${empty.name}' would have no target ${when}. Try other targets with --scale.`);
    if (i === 0 || plan.steps[i - 1]?.flows) checkTaken(rules, load, when);
  }
}

function checkTaken(rules: readonly FlowRule[], load: Load, when: string): void {
  const find = classifier(rules);
  const tuples = new TupleSpace({ hostBits: 16, sources: load.sources, seed: load.seed });
  for (const family of load.families)
    for (const to of destinationsOf(load, family)) {
      const { dst, dport, protocol } = flowSource(load, family, to);
      const [base = ""] = family === 4 ? ["50.0.0.0"] : ["2000::"];
      for (let id = 0; id < Math.min(LOOKED_AT, load.connections); id++) {
        tuples.draw(id);
        const src = addressBytes(base);
        src.set([tuples.offset >> 8, tuples.offset & 255], 14);
        const flow = { src, sport: tuples.port, dst: addressBytes(dst), dport, protocol: PROTOCOL[protocol] };
        if (find(flow) === rules.length)
          throw new UsageError(
            `No flow takes all connections to ${dst} port ${dport} ${when}. Try one more flow, of a lower priority.`,
          );
      }
    }
}
