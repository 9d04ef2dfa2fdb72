// SPDX-License-Identifier: Apache-2.0
import { accessSync, constants, mkdirSync } from "node:fs";
import path from "node:path";
import { analyse } from "../analysis/analyse.ts";
import type { Balancer, Served } from "../api/backend.ts";
import type { Plan } from "../api/scenario.ts";
import { memberNoun } from "../events/meaning.ts";
import { type describeHost, openInBrowser } from "../host/describe.ts";
import type { Live } from "../live/server.ts";
import { fitCase, inheritedWords, ownWords } from "../plan/backend-options.ts";
import type { Case } from "../plan/catalog.ts";
import { withDeaths } from "../plan/deaths.ts";
import type { RunOptions } from "../plan/options.ts";
import { loadOf, planRun } from "../plan/plan-run.ts";
import { RecordWriter } from "../record/record.ts";
import { type Room, type RunInfo, SCHEMA } from "../record/schema.ts";
import { reporters } from "../report/index.ts";
import { type ReportData, type ReporterFailure, writeAll } from "../report/reporter.ts";
import { renderTerminal } from "../report/terminal.ts";
import { type Capacity, type Lab, LabError } from "../runtime/runtime.ts";
import { keepLab } from "../session/keeper.ts";
import { planTopology } from "../topology/topology.ts";
import type { Load } from "../traffic/traffic.ts";
import { UsageError } from "../util/errors.ts";
import { makeDirs } from "../util/make-dirs.ts";
import { fillsUp, forgets, missingFor } from "./obstacles.ts";
import { makeProgress } from "./progress.ts";
import { type RunResult, runCase } from "./run.ts";
import type { Chosen } from "./runtimes.ts";

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
  /** Why the scenario says nothing about this strategy. */
  unfit: string | null;
}

export function planCase(one: Case, options: RunOptions, set: readonly string[], capacity?: Capacity): PlannedCase {
  const { backendOptions, affinityS, unfit } = fitCase(one, [...ownWords(one), ...set], options);
  one.backend.effectiveOptions(backendOptions, options.targets);
  const scenario = withDeaths(one.scenario, { backend: one.backend, backendOptions }, options);
  const planned = planRun(scenario, options, affinityS, capacity);
  checkRoomed(one.backend.room?.(backendOptions) ?? null, planned.load);
  const served = one.backend.serves?.(backendOptions, options.targets) ?? null;
  checkServed(served, planned.load);
  const ports = served?.ports?.[planned.load.protocol];
  return {
    ...planned,
    load: { ...planned.load, ...(ports ? { ports } : {}) },
    case: one,
    seed: options.seed,
    options,
    backendOptions,
    set: [...inheritedWords(one.backend), ...set],
    unfit: unfit ?? one.backend.asks?.(backendOptions) ?? fixed(served, planned.plan),
  };
}

/** Why targets cannot leave or come back, where a plan wants them to. */
const fixed = (served: Served | null, { steps }: Plan): string | null =>
  steps.some(({ event }) => memberNoun(event) === "target") ? (served?.fixed ?? null) : null;

/** Throws UsageError where nobody can know who finds room: an entry of UDP gives way to another while it is young. */
function checkRoomed(room: Room | null, { protocol }: Load): void {
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
  place?: string;
  /** The guest waits for a debugger. */
  gdb?: boolean;
}

export type DescribedHost = Awaited<ReturnType<typeof describeHost>>;

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
  const missing = await missingFor(planned, runtime);
  const { dir, id, startedAt } = makeRunDir(options.out, planned.case.name, planned.seed);
  const described = describeRun(planned, chosen, options.commandLine, host);
  const info: RunInfo = { ...described, id, startedAt, ...(attempt > 1 ? { attempt } : {}) };
  if (missing.length > 0 || !session) return skip(dir, info, missing.length > 0 ? missing : [NOT_READY]);
  for (const sentence of [...forgets(planned), ...fillsUp(planned)]) say(`${planned.case.name}: ${sentence}`);
  await chosen.clearOthers();
  const progress = { ...makeProgress(info, planned.plan, options.place), ...options.live?.follow(info) };
  const wanted = Object.values(reporters).filter((r) => options.reporter?.includes(r.name) ?? true);
  try {
    const result = await runCase({
      dir,
      info,
      backend,
      backendOptions: planned.backendOptions,
      session,
      plan: planned.plan,
      impairment: planned.impairment,
      load: { ...planned.load, seed: planned.seed },
      reporters: wanted.filter((r) => r.name !== "terminal"),
      signal,
      progress,
      ...(options.gdb ? { gdb: true } : {}),
      ...(options.stop ? {} : { hold: holdLab(backend.name, signal) }),
    });
    if (["error", "fail"].includes(result.data.summary.verdict)) await session.clear();
    return result;
  } finally {
    progress.end();
  }
}

/** run.json, as far as it is known before the run. */
export function describeRun(
  planned: PlannedCase,
  { runtime, session }: Chosen,
  commandLine: readonly string[],
  host: DescribedHost,
): Omit<RunInfo, "id" | "startedAt"> {
  const { backend, scenario, name } = planned.case;
  const topology = planTopology({ targets: planned.options.targets, routers: planned.routers });
  const { kernel, capacity } = session?.prepared ?? {};
  return {
    schema: SCHEMA,
    case: name,
    backend: backend.name,
    scenario: scenario.name,
    commandLine: [...commandLine],
    ...host,
    tools: { ...host.tools },
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
      rate: planned.load.rate,
      size: planned.load.size,
      duration: planned.plan.durationS,
    },
    backendOptions: planned.backendOptions,
    asked: {
      options: { ...planned.options, seed: planned.seed },
      set: [...planned.set],
      runtime: { ...runtime.given },
    },
  };
}

function holdLab(backend: string, signal: AbortSignal) {
  return (lab: Lab, balancer: Balancer) =>
    keepLab({ lab, balancer, backend }, signal, () => {
      process.stderr.write(
        "The lab stays up: './load-balancer.ts status', 'exec', 'shell', 'scale'; 'stop' ends it and writes the report.\n",
      );
    });
}

/** A result that cannot be had is a skip with its reasons, and a report like any other. */
async function skip(dir: string, info: RunInfo, reasons: string[]): Promise<RunResult> {
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
    throw new LabError(`Cannot write results to '${out}': ${(cause as Error).message}. Try another --out.`, { cause });
  }
}

export async function show(
  { dir, data, reporterFailures }: RunResult,
  options: { json: boolean; view: boolean },
): Promise<void> {
  if (options.json) process.stdout.write(`${JSON.stringify(data.summary)}\n`);
  else {
    const color = process.stdout.isTTY === true && !process.env.NO_COLOR;
    process.stdout.write(`${renderTerminal(data, { color, columns: Math.min(120, process.stdout.columns ?? 80) })}\n`);
  }
  for (const failure of reporterFailures) process.stderr.write(`${reporterSentence(failure)}\n`);
  const report = path.join(dir, "report.html");
  if (options.view && data.summary.verdict !== "skip") {
    const opened = await openInBrowser(report);
    if (!options.json) process.stdout.write(opened ? `Opened ${report}\n` : `Report: ${report}\n`);
  } else if (!options.json) process.stdout.write(`Run: ${dir}\n`);
}

export function reporterSentence({ reporter, error }: ReporterFailure): string {
  return `Cannot write the ${reporter} report: ${(error as Error).message}`;
}
