// SPDX-License-Identifier: Apache-2.0
// A run of this program that is attacked from outside, as an operator's mishap or an enemy would: by signals, files and sockets.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import path from "node:path";
import { launchProgram, type ProgramOutput, type RunningProgram } from "../../host/program.ts";
import { eventually, hostState, marker, program, wordsOf } from "../machine.ts";
import { containerProcesses, containersLeft } from "./containers.ts";
import type { Where } from "./where.ts";

/** A short run with one change of the targets: 4 s of traffic. */
const CASE = ["nfqueue_scale", "--at", "1 2.5", "--duration", "4", "--connections", "400", "--targets", "4"];
const LEFT_MS = 10_000;

/** What stderr says when a phase begins. */
const PHASES = {
  up: /bringing the lab up/,
  deploy: /deploying the balancer/,
  traffic: /: traffic/,
  down: /taking the lab down/,
  report: /analysing and drawing/,
} as const;
export type AttackedPhase = keyof typeof PHASES;
export const PHASE_NAMES = Object.keys(PHASES) as AttackedPhase[];

export interface Attack {
  where: Where;
  /** The case and its options. */
  words?: readonly string[];
  more?: readonly string[];
  /** What it is started by, as a shell that becomes it. */
  through?: readonly string[];
  env?: NodeJS.ProcessEnv;
}

export interface Attacked extends RunningProgram {
  /** Of --out. */
  out: string;
  env: NodeJS.ProcessEnv;
  /** What it wrote to stderr so far. */
  said(): string;
  /** False when the run ended before. */
  reaches(phase: AttackedPhase): Promise<boolean>;
  /** The run's process whose words have this among them. */
  find(words: string): Promise<number>;
  leftovers(): Promise<Leftovers>;
}

interface Leftovers {
  /** Its own processes that still live, its containers, and what the host has that it had not. */
  left: string[];
  /** Containers that were never started, which 'clean' removed and told. */
  cleaned: number;
}

/** Attacks one run in a folder of its own, which is removed. */
export async function withRun<T>(attack: Attack, use: (run: Attacked) => Promise<T>): Promise<T> {
  const out = mkdtempSync(path.join(tmpdir(), "load-balancer-attack-"));
  try {
    return await use(startRun(out, attack));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

export function startRun(out: string, { where, words = CASE, more = [], through = [], env: added = {} }: Attack) {
  const before = interfaces();
  const mark = marker("attack");
  const env = { ...mark.env, XDG_RUNTIME_DIR: out, ...added };
  const argv = [program, "test", ...words, "--runtime", where.runtime, ...where.words, "--out", out, ...more];
  const run = launchProgram([...through, ...argv], { env, check: false, timeoutMs: where.timeoutMs });
  let said = "";
  let hasEnded = false;
  run.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  run.ended
    .finally(() => {
      hasEnded = true;
    })
    .catch(() => {});
  const attacked: Attacked = {
    ...run,
    out,
    env,
    said: () => said,
    async reaches(phase) {
      await eventually(() => hasEnded || PHASES[phase].test(said), where.timeoutMs);
      return PHASES[phase].test(said);
    },
    async find(sought) {
      const all = [...mark.processes(), ...(where.inContainers ? await containerProcesses(run.pid) : [])];
      const found = all.find((pid) => wordsOf(pid).join(" ").includes(sought));
      if (found === undefined) throw new Error(`No process of the run has '${sought}' among its words.`);
      return found;
    },
    async leftovers() {
      await eventually(() => mark.processes().length === 0, LEFT_MS);
      const left = mark.processes().map((pid) => `process ${pid}: ${wordsOf(pid).join(" ").slice(0, 60)}`);
      const added = interfaces().filter((name) => !before.includes(name));
      const { containers, cleaned } = where.inContainers
        ? await containersLeft(run.pid)
        : { containers: [], cleaned: 0 };
      return { left: [...left, ...added, ...containers], cleaned };
    },
  };
  return attacked;
}

/** Of the host, with its named namespaces. */
function interfaces(): string[] {
  const { interfaces: names = [], namedNamespaces = [] } = hostState();
  return [...names.map((name) => `interface ${name}`), ...namedNamespaces.map((name) => `namespace ${name}`)];
}

/** The signal that ended it, or its exit code: the shell that node was started by tells a signal as a code. */
export function endOf({ code, signal }: Pick<ProgramOutput, "code" | "signal">): string {
  return signal ?? (code === 128 + constants.signals.SIGKILL ? "SIGKILL" : `${code}`);
}

/** The verdict in the record of the only run in a folder; "none" without a summary. */
export function verdictIn(out: string): { verdict: string; reason: string } {
  for (const name of readdirSync(out)) {
    try {
      const text = readFileSync(path.join(out, name, "summary.json"), "utf8");
      const { verdict, reasons } = JSON.parse(text) as { verdict: string; reasons: string[] };
      return { verdict, reason: reasons[0] ?? "" };
    } catch {
      // No run's folder, or one without a summary.
    }
  }
  return { verdict: "none", reason: "" };
}
