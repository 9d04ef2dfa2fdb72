// SPDX-License-Identifier: Apache-2.0
// What the lab itself costs: bring-up, a command, tear-down; a run beyond its schedule; reports. Medians; nothing here is a test.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RunInfo } from "../record/schema.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { planTopology, type Topology } from "../topology/topology.ts";
import { median } from "../util/median.ts";
import { timeGuests } from "./guest-cost.ts";
import { missingMininet, timeMininet } from "./mininet.ts";
import { writeSyntheticRun } from "./synthetic.ts";
import { inScratch, watched } from "./watched.ts";

const COMMANDS = 100;
/** Longer than the kernel takes to clear a machine's namespace away, in the background, where the next lab would pay for it. */
const CLEANED_UP_MS = 5;
const RUN = "nfqueue_scale";
const RUNS = 3;
const REPORT_SIZES = [1e3, 1e4, 1e5, 1e6];
/** Mininet does one thing after another: more would take it minutes. */
const MOST_MININET = 250;

/** What can be asked for. */
export const HARNESS_PARTS = ["lab", "scale", "reports", "guest"] as const;

export interface HarnessPlan {
  runtime: Runtime;
  parts: readonly (typeof HARNESS_PARTS)[number][];
  sizes: readonly number[];
  rounds: number;
  signal: AbortSignal;
  note: (text: string) => void;
}

export interface HarnessFigure {
  what: string;
  /** 0: it has nothing to do with their number. */
  targets: number;
  /** Absent: there are none in it. */
  connections?: number;
  medianMs: number;
  /** Most memory that the program ever had resident; absent: not measured. */
  peakMiB?: number;
  repeats: number;
}

interface Taken {
  what: string;
  targets: number;
  connections?: number;
  ms: number;
  peakMiB?: number;
}

/** Sentences on what could not be measured are in `skipped`. */
export async function benchHarness(plan: HarnessPlan): Promise<{ figures: HarnessFigure[]; skipped: string[] }> {
  const taken: Taken[] = [];
  const skipped: string[] = [];
  if (plan.parts.includes("lab")) await timeLabs(plan, taken, skipped);
  if (plan.parts.includes("scale")) await timeRuns(plan, taken);
  if (plan.parts.includes("reports")) await timeReports(plan, taken);
  if (plan.parts.includes("guest") && "time" in plan.runtime.options.shape)
    await timeGuests(plan, (one) => taken.push(one));
  const keyOf = ({ what, targets, connections }: Taken) => `${what} ${targets} ${connections}`;
  const figures = [...new Set(taken.map(keyOf))].flatMap((key): HarnessFigure[] => {
    const own = taken.filter((one) => keyOf(one) === key);
    const [first] = own;
    if (!first) return [];
    const { ms: _, peakMiB: __, ...which } = first;
    const peaks = own.flatMap(({ peakMiB }) => peakMiB ?? []);
    const memory = peaks.length > 0 ? { peakMiB: Math.max(...peaks) } : {};
    return [{ ...which, medianMs: median(own.map(({ ms }) => ms)), ...memory, repeats: own.length }];
  });
  return { figures, skipped };
}

/** Labs of each size in turn, round by round; the same by Mininet where it is there. */
async function timeLabs({ runtime, sizes, rounds, signal, note }: HarnessPlan, taken: Taken[], skipped: string[]) {
  const withoutMininet = await missingMininet();
  if (withoutMininet) skipped.push(`Mininet, for comparison: ${withoutMininet}`);
  for (let round = 0; round < rounds; round++) {
    for (const targets of sizes) {
      note(`round ${round + 1} of ${rounds}: ${targets} targets`);
      const topology = planTopology({ targets, routers: 2 });
      const take = (what: string, ms: number) => taken.push({ what, targets, ms });
      const [upMs, lab] = await timed(() => runtime.up(topology, signal));
      take("up", upMs);
      try {
        const [commandsMs] = await timed(async () => {
          for (let i = 0; i < COMMANDS; i++) await lab.host("vm-001").exec(["true"]);
        });
        take("a command", commandsMs / COMMANDS);
      } finally {
        const [downMs] = await timed(() => lab[Symbol.asyncDispose]());
        take("down", downMs);
      }
      await delay(CLEANED_UP_MS * targets, undefined, { signal });
      if (withoutMininet === null && targets <= MOST_MININET) await timeOther(topology, take);
      signal.throwIfAborted();
    }
  }
}

async function timeOther(topology: Topology, take: (what: string, ms: number) => void): Promise<void> {
  const { upMs, commandMs, downMs } = await timeMininet(topology, COMMANDS);
  take("up, Mininet", upMs);
  take("a command, Mininet", commandMs);
  take("down, Mininet", downMs);
}

/** How much longer a whole run takes than its traffic: from the first byte of the program to its exit. */
async function timeRuns({ runtime, rounds, signal, note }: HarnessPlan, taken: Taken[]): Promise<void> {
  for (let i = 0; i < Math.min(rounds, RUNS); i++) {
    note(`${RUN}, run ${i + 1}`);
    await inScratch(async (dir) => {
      const { ms } = await watched(["test", RUN, "--runtime", runtime.name, "--json", "--out", dir], signal, [0, 1, 4]);
      const [id = ""] = readdirSync(dir);
      const run = JSON.parse(readFileSync(path.join(dir, id, "run.json"), "utf8")) as RunInfo;
      const durationMs = Number(run.options.duration) * 1000;
      taken.push({
        what: `${RUN} beyond its ${durationMs / 1000} s`,
        targets: run.targets.length,
        ms: ms - durationMs,
      });
    });
  }
}

/** Analysis, pictures and pages of runs that were made up, smallest first. */
async function timeReports({ rounds, signal, note }: HarnessPlan, taken: Taken[]): Promise<void> {
  for (const connections of REPORT_SIZES) {
    for (let i = 0; i < Math.min(rounds, RUNS); i++) {
      note(`reports of ${connections} connections, ${i + 1}`);
      await inScratch(async (dir) => {
        const run = path.join(dir, "run");
        mkdirSync(run);
        writeSyntheticRun(run, connections);
        taken.push({ what: "all reports of a run", targets: 0, connections, ...(await took(["report", run], signal)) });
      });
      await inScratch(async (dir) => {
        const run = path.join(dir, "run");
        mkdirSync(run);
        writeSyntheticRun(run, connections, "lost");
        const cost = await took(["explain", run], signal);
        taken.push({ what: "explain, all lost", targets: 0, connections, ...cost });
      });
    }
  }
}

async function took(words: readonly string[], signal: AbortSignal): Promise<Pick<Taken, "ms" | "peakMiB">> {
  const { ms, peakMiB } = await watched(words, signal);
  return { ms, peakMiB };
}

async function timed<T>(action: () => Promise<T>): Promise<[ms: number, value: T]> {
  const begin = performance.now();
  const value = await action();
  return [performance.now() - begin, value];
}
