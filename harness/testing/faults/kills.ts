// SPDX-License-Identifier: Apache-2.0
// Every signal at every phase of a run: the exit code, and what is left behind.
import { setTimeout as sleep } from "node:timers/promises";
import { type AttackedPhase, endOf, PHASE_NAMES, withRun } from "./attacked.ts";
import type { Line } from "./table.ts";
import type { Where } from "./where.ts";

export const SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const;
/** Short, as what comes after the kill is not looked at; with two changes of the targets. */
const CASE =
  "nfqueue_scale --at 0.4,0.8 --duration 1.2 --connections 60 --rate 320 --targets 2 --scale 1 --reporter json".split(
    " ",
  );
/** What a run ends with that finishes before the signal comes: its verdict is not asked for. */
const FINISHED = ["0", "1", "4"];
/** The last phases are short. */
const AT_END_MS = 500;
const isAtEnd = (phase: AttackedPhase) => phase === "down" || phase === "report";

interface Kill {
  phase: AttackedPhase;
  signal: (typeof SIGNALS)[number];
  delayMs: number;
}
interface End {
  /** As wanted. */
  good: boolean;
  text: string;
  cleaned: number;
}

export interface Kills {
  where: Where;
  /** Runs of each signal and phase. */
  repeats: number;
  phases: readonly string[];
  /** Runs side by side. */
  atOnce: number;
  today: string;
}

/** A line for each phase: a cell for each signal. Throws Error for a phase that there is not. */
export async function killMatrix(kills: Kills, tell: (line: Line) => void): Promise<Line[]> {
  const phases = PHASE_NAMES.filter((phase) => kills.phases.length === 0 || kills.phases.includes(phase));
  const lines: Line[] = [];
  for (const phase of phases) {
    const ends = await killPhase(kills, phase);
    const cells = SIGNALS.map((signal) => cellOf(ends.get(signal) ?? []));
    const line: Line = {
      cells: [kills.where.runtime, phase, ...cells.map(({ text }) => text), kills.today],
      passed: cells.every(({ good }) => good),
    };
    lines.push(line);
    tell(line);
  }
  return lines;
}

async function killPhase({ where, repeats, atOnce }: Kills, phase: AttackedPhase): Promise<Map<string, End[]>> {
  const spreadMs = isAtEnd(phase) ? Math.min(AT_END_MS, where.spreadMs) : where.spreadMs;
  const all = Array.from({ length: repeats }, (_, n) => (n / repeats) * spreadMs).flatMap((delayMs) =>
    SIGNALS.map((signal): Kill => ({ phase, signal, delayMs })),
  );
  const ends = new Map<string, End[]>();
  const worker = async () => {
    for (let kill = all.shift(); kill; kill = all.shift()) {
      const end = await killOnce(where, kill);
      ends.set(kill.signal, [...(ends.get(kill.signal) ?? []), end]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return ends;
}

function cellOf(ends: readonly End[]): { text: string; good: boolean } {
  const bad = ends.filter(({ good }) => !good);
  const cleaned = ends.filter((end) => end.cleaned > 0).length;
  const count = `${ends.length - bad.length} of ${ends.length}${cleaned > 0 ? `, ${cleaned} by 'clean'` : ""}`;
  const why = [...new Set(bad.map(({ text }) => text))].join("; ");
  return { text: bad.length === 0 ? count : `**${count}**: ${why}`, good: bad.length === 0 };
}

function killOnce(where: Where, { phase, signal, delayMs }: Kill): Promise<End> {
  return withRun({ where, words: CASE }, async (run) => {
    if (!(await run.reaches(phase))) {
      const last = run.said().trim().split("\n").at(-1);
      return { good: false, text: `it ended before phase ${phase}: ${last}`, cleaned: 0 };
    }
    await Promise.race([sleep(delayMs), run.ended]);
    run.kill(signal);
    const end = endOf(await run.ended);
    const { left, cleaned } = await run.leftovers();
    const wanted = signal === "SIGKILL" ? "SIGKILL" : "130";
    const finished = FINISHED.includes(end) && isAtEnd(phase);
    return {
      good: (end === wanted || finished) && left.length === 0,
      text: `${end}, ${left.length === 0 ? "nothing left" : left.join(", ")}`,
      cleaned,
    };
  });
}
