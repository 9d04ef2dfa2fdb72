// SPDX-License-Identifier: Apache-2.0
// Whether a load fits its scenario: its VIPs, its sources, and its testers.
import type { Plan, Scenario } from "../api/scenario.ts";
import type { Load } from "../traffic/streams.ts";
import { VISIT_SOURCES } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import type { RunOptions } from "./options.ts";

/** Throws UsageError. */
export function checkLoad(scenario: Scenario, options: RunOptions, plan: Plan, load: Load): void {
  checkSources(load, options);
  checkTesters(scenario, options, plan, load);
  checkTuples(scenario, options, plan, load);
  checkServices(scenario, options, plan, load);
}

/** What has one service, or weights of one, takes no flows. */
function checkServices({ name }: Scenario, { connections }: RunOptions, plan: Plan, { to }: Load): void {
  if (!to) return;
  if (
    plan.mode === "fragments" ||
    plan.visitsS ||
    plan.directS !== undefined ||
    plan.attack ||
    plan.steps.some(({ weights }) => weights)
  )
    throw new UsageError(`'${name}' has one service. Try without --services and --flows, or another scenario.`);
  if (connections < to.length)
    throw new UsageError(`--connections must be ${to.length} or more for ${to.length} VIPs and ports.`);
}

/** Of few sources each tester needs one at least; fragments are counted by one process. */
function checkTesters({ name }: Scenario, { testers }: RunOptions, plan: Plan, load: Load): void {
  if (testers === 1) return;
  if (plan.mode === "fragments" || plan.attack || plan.paths)
    throw new UsageError(`'${name}' has one tester. Try --testers 1, or another scenario.`);
  if (load.sources !== undefined && load.sources < testers)
    throw new UsageError(`--testers ${testers} need as many sources, not ${load.sources}. Try --sources ${testers}.`);
}

/** Fragments are counted by one process, and visits are those of a source to one service. */
function checkTuples(
  { name }: Scenario,
  { vips, connections, sameTuple, sources }: RunOptions,
  plan: Plan,
  { families }: Load,
) {
  if (plan.attack && sources !== undefined)
    throw new UsageError(`In '${name}' attackers choose from all sources: it takes no --sources.`);
  if (sameTuple && plan.mode === "fragments")
    throw new UsageError(`'${name}' opens no connection again, so --same-tuple says nothing. Try 'connect'.`);
  if (connections < families.length) throw new UsageError("--connections must be 2 or more with both families.");
  if (vips === 1) return;
  if (plan.mode === "fragments" || plan.visitsS)
    throw new UsageError(`'${name}' has one VIP. Try --vips 1, or another scenario.`);
  if (connections < vips * families.length)
    throw new UsageError(`--connections must be ${vips * families.length} or more for ${vips} VIPs.`);
}

/** Of one address, so many; the traffic program draws no others. */
const PORTS = 64_512;

function checkSources({ families, visitsS }: Load, { connections, sources }: RunOptions): void {
  if (sources === undefined) return;
  if (visitsS && sources > VISIT_SOURCES)
    throw new UsageError(`Visits are made by up to ${VISIT_SOURCES} sources of each family, not by ${sources}.`);
  const most = sources * PORTS * families.length;
  if (!visitsS && connections > most)
    throw new UsageError(
      `--sources ${sources} has ports for ${most} connections, not for ${connections}. Try --sources ${Math.ceil(connections / families.length / PORTS)}.`,
    );
}
