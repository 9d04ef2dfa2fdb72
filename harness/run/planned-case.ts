// SPDX-License-Identifier: Apache-2.0

import { accessSync, constants, mkdirSync } from "node:fs";
import path from "node:path";
import { analyse } from "../analysis/analyse.ts";
import type { Balancer, Served } from "../api/backend.ts";
import type { Live } from "../live/server.ts";
import { isChosenByHash } from "../oracle/attack.ts";
import type { Flow } from "../oracle/hash.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import { checkFinders } from "../plan/announce.ts";
import { fitCase, inheritedVariables, inheritedWords, ownWords } from "../plan/backend-options.ts";
import type { Case } from "../plan/catalog.ts";
import { withDeaths } from "../plan/deaths.ts";
import type { RunOptions } from "../plan/options.ts";
import { loadOf, planRun } from "../plan/plan-run.ts";
import { RecordWriter } from "../record/record.ts";
import type { Room, RunInfo } from "../record/schema.ts";
import { assignments } from "../report/format.ts";
import { reporters } from "../report/index.ts";
import { type ReportData, writeAll } from "../report/reporter.ts";
import { type Capacity, type Lab, LabError } from "../runtime/runtime.ts";
import { keepLab } from "../session/keeper.ts";
import { planTopology } from "../topology/topology.ts";
import type { Load } from "../traffic/streams.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { makeDirs } from "../util/make-dirs.ts";
import { PROGRAM } from "../util/typed.ts";
import { attacksOf } from "./attacks.ts";
import { type DescribedHost, describeRun } from "./describe-run.ts";
import { fillsUp, forgets, missingFor, unfitFor } from "./obstacles.ts";
import { makeProgress } from "./progress.ts";
import { type RunResult, runCase } from "./run.ts";
import type { Chosen } from "./runtimes.ts";
import { tapPlan } from "./tapping.ts";

export const say = (text: string) => void process.stderr.write(`${text}\n`);

/** An emulated machine carries less than this one: then fewer connections, unless their number was said. */
export function withLoad(options: RunOptions, given: ReadonlyMap<string, string>, capacity?: Capacity): RunOptions {
  if (!capacity || capacity.own || given.has("connections")) return options;
  return { ...options, connections: loadOf(capacity).connections };
}

export interface PlannedCase extends ReturnType<typeof planRun> {
  case: Case;
  seed: number;
  options: RunOptions;
  backendOptions: Record<string, unknown>;
  /** Words of --set, and those that the environment stands for. */
  set: readonly string[];
  /** Variables of the environment that set options of the backend. */
  variables: Readonly<Record<string, string>>;
  /** Why the scenario says nothing about this strategy. */
  unfit: string | null;
}

export function planCase(one: Case, options: RunOptions, set: readonly string[], capacity?: Capacity): PlannedCase {
  const { backendOptions, affinityS, unfit } = fitCase(one, [...ownWords(one), ...set], options);
  one.backend.effectiveOptions(backendOptions, options.targets);
  const scenario = withDeaths(one.scenario, { backend: one.backend, backendOptions }, options);
  const planned = planRun(scenario, options, affinityS, capacity);
  checkFinders(planned, one.backend, { backendOptions, routers: planned.routers });
  checkRoomed(one.backend.room?.(backendOptions) ?? null, planned.load);
  const served = one.backend.serves?.(backendOptions, options.targets) ?? null;
  checkServed(served, planned.load);
  const ports = served?.ports?.[planned.load.protocol];
  const result: PlannedCase = {
    ...planned,
    load: {
      ...planned.load,
      ...(ports ? { ports } : {}),
      ...attackPart(planned, one.backend.oracle(backendOptions, options.targets, planned.load.protocol), options),
    },
    case: one,
    seed: options.seed,
    options,
    backendOptions,
    set: [...inheritedWords(one.backend), ...set],
    variables: inheritedVariables(one.backend, set),
    unfit: unfit ?? unfitFor(one, backendOptions, planned, served),
  };
  checkRemembered(result);
  return result;
}

/** What attackers choose, where the plan has some and the strategy can be worked out. */
function attackPart(
  { plan: { attack }, load }: Pick<PlannedCase, "plan" | "load">,
  oracle: OracleSpec | null,
  { targets: n }: RunOptions,
): Pick<Load, "attacks" | "victim"> {
  if (!attack || !isChosenByHash(oracle, load.families)) return {};
  const { targets } = planTopology({ targets: n, routers: 1 });
  return {
    attacks: attacksOf(load, oracle, { victim: attack.victim - 1, targets: n }),
    victim: targets[attack.victim - 1]?.name ?? "",
  };
}

/** Throws UsageError where connections that come and go are forgotten meanwhile: what becomes of them then is not judged. */
function checkRemembered(planned: PlannedCase): void {
  const [sentence] = planned.load.open ? forgets(planned) : [];
  if (sentence !== undefined)
    throw new UsageError(`${sentence} That is judged with connections that last only: try a shorter --think.`);
}

/** Throws UsageError where nobody can know who finds room: an entry of UDP gives way to another while it is young. */
function checkRoomed(room: Room | null, { protocol, open }: Load): void {
  if (room && open)
    throw new UsageError(`${room.option} is judged with connections that last only. Try without --arrivals.`);
  if (room && protocol === "udp") throw new UsageError(`${room.option} is judged over TCP only. Try --protocol tcp.`);
}

/** Throws UsageError where the traffic is not what the VIP serves: nothing would come up, and the balancer would be right. */
function checkServed(served: Served | null, { families, protocol }: Load): void {
  if (!served) return;
  const { source } = served;
  if (!served.protocols.includes(protocol))
    throw new UsageError(
      `${source} serves ${served.protocols.map((one) => one.toUpperCase()).join(" and ")} only: try --protocol ${served.protocols[0]}.`,
    );
  const own = served.familiesFor?.[protocol] ?? served.families;
  if (families.some((family) => !own.includes(family)))
    throw new UsageError(`${source} serves IPv${own.join(" and IPv")} only: try --family ${own[0]}.`);
}

/** How a run is carried out, besides what it is. */
export interface RunSettings {
  /** Folder of the run's folder. */
  out: string;
  commandLine: readonly string[];
  /** false: the lab stays up after the traffic, for manual work. */
  stop: boolean;
  /** Names of reporters; undefined: all of them. */
  reporter?: readonly string[] | undefined;
  live?: Live | null;
  /** "2/4" of several runs. */
  turn?: string;
  /** No line for a phase. */
  quiet?: boolean;
  /** The guest waits for a debugger. */
  gdb?: boolean;
  /** Whose way through the routers' rules is traced. */
  trace?: Flow;
}

/** What is not on the command line, and yet in force. */
export function tellEnvironment(subject: string, variables: Readonly<Record<string, string>> = {}): void {
  const words = assignments(variables);
  if (words !== "") say(`${subject}: from the environment: ${words}`);
}

/** What was missing when the command began has come meanwhile. */
const NOT_READY = "The runtime was not ready at the start of the command. Run it again.";

export async function runOne(
  planned: PlannedCase,
  chosen: Chosen,
  options: RunSettings,
  { host, signal, attempt = 1 }: { host: DescribedHost; signal: AbortSignal; attempt?: number },
): Promise<RunResult> {
  const { backend } = planned.case;
  const { runtime, session } = chosen;
  const missing = await missingFor(planned, runtime, (text) => say(`${planned.case.name}: ${text}`));
  const { dir, id, startedAt } = makeRunDir(options.out, planned.case.name, planned.seed);
  const described = describeRun(planned, chosen, options.commandLine, host);
  tellEnvironment(planned.case.name, described.environment);
  const info: RunInfo = { ...described, id, startedAt, ...(attempt > 1 ? { attempt } : {}) };
  if (missing.length > 0 || !session) return skip(dir, info, missing.length > 0 ? missing : [NOT_READY]);
  for (const sentence of [...forgets(planned), ...fillsUp(planned)]) say(`${planned.case.name}: ${sentence}`);
  await chosen.clearOthers();
  const progress = {
    ...(options.quiet ? { end: () => {} } : makeProgress(info, planned.plan, options.turn)),
    ...options.live?.follow(info),
  };
  try {
    const result = await runCase({
      dir,
      info,
      backend,
      backendOptions: planned.backendOptions,
      session,
      plan: planned.plan,
      impairment: planned.impairment,
      timers: planned.timers,
      health: planned.health,
      tap: tapPlan(planned.options.tap),
      load: { ...planned.load, seed: planned.seed },
      reporters: fileReporters(options.reporter),
      signal,
      progress,
      ...(options.gdb ? { gdb: true } : {}),
      ...(options.trace ? { trace: options.trace } : {}),
      ...(options.stop ? {} : { hold: holdLab(planned, signal) }),
    });
    if (["error", "fail"].includes(result.data.summary.verdict)) await session.clear();
    return result;
  } finally {
    progress.end();
  }
}

/** Those that write files, of these names; undefined: all of them. */
export const fileReporters = (names?: readonly string[]) =>
  Object.values(reporters).filter(({ name }) => name !== "terminal" && (names?.includes(name) ?? true));

function holdLab({ case: { backend }, backendOptions }: PlannedCase, signal: AbortSignal) {
  return (lab: Lab, balancer: Balancer) =>
    keepLab({ lab, balancer, backend, backendOptions }, signal, () => {
      process.stderr.write(
        `The lab stays up: '${PROGRAM} status', 'exec', 'shell', 'scale'; 'stop' ends it and writes the report.\n`,
      );
    });
}

/** A result that cannot be had is a skip with its reasons, and a report like any other. */
export async function skip(dir: string, info: RunInfo, reasons: string[]): Promise<RunResult> {
  const record = new RecordWriter(dir);
  record.add({ kind: "skip", t: record.clock.now(), reasons });
  const data: ReportData = {
    run: info,
    ...analyse(info, { events: [{ kind: "skip", t: 0, reasons }], connections: [] }),
  };
  record.file("run.json", `${JSON.stringify(info, null, 2)}\n`);
  record.file("summary.json", `${JSON.stringify(data.summary, null, 2)}\n`);
  record.close();
  const { markdown, junit, ctrf } = reporters;
  const reporterFailures = await writeAll(
    data,
    dir,
    [markdown, junit, ctrf].flatMap((r) => r ?? []),
  );
  return { dir, data, reporterFailures };
}

/** `<UTC time>-<case>-<seed>`, with a number behind it when two runs begin in the same second. */
export function makeRunDir(out: string, name: string, seed: number): { dir: string; id: string; startedAt: string } {
  const startedAt = new Date().toISOString();
  const base = `${startedAt.slice(0, 19).replace(/[-:]/g, "")}Z-${name}-${seed}`;
  try {
    makeDirs(out);
    accessSync(out, constants.W_OK);
    for (let n = 1; ; n++) {
      const id = n === 1 ? base : `${base}-${n}`;
      try {
        mkdirSync(path.join(out, id));
        return { dir: path.join(out, id), id, startedAt };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
    }
  } catch (cause) {
    throw new LabError(`Cannot write results to '${out}': ${systemReason(cause)}. Try another --out.`, { cause });
  }
}
