// SPDX-License-Identifier: Apache-2.0
// What a guest in virtual time takes of this machine: until its lab is up, for each second of the lab's by load, and in all; alone, and
// beside busy loops, which change how long it takes and nothing else.
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { launchProgram } from "../host/program.ts";
import { readRecord } from "../record/read.ts";
import type { EventOf, Phase } from "../record/schema.ts";
import { inScratch, LONGEST_RUN_MS, watched } from "./watched.ts";

const CASE = "ipvs_scale";
const LOADS = [200, 1000];
const RUNS = 3;

export interface GuestFigure {
  what: string;
  targets: number;
  connections: number;
  ms: number;
  peakMiB?: number;
}

interface GuestPlan {
  rounds: number;
  signal: AbortSignal;
  note: (text: string) => void;
}

/** Each load alone and beside loops, round by round. */
export async function timeGuests({ rounds, signal, note }: GuestPlan, take: (one: GuestFigure) => void): Promise<void> {
  for (let round = 1; round <= Math.min(rounds, RUNS); round++)
    for (const loops of [0, availableParallelism()])
      for (const connections of LOADS) {
        note(`${CASE}, ${connections} connections, ${loops} busy loops, run ${round}`);
        for (const figure of await besideLoops(loops, signal, () => guestFigures(connections, signal)))
          take({ ...figure, what: loops === 0 ? figure.what : `${figure.what}, beside ${loops} busy loops` });
      }
}

/** They end with the action, or by themselves. */
export async function besideLoops<T>(loops: number, signal: AbortSignal, action: () => Promise<T>): Promise<T> {
  const busy = Array.from({ length: loops }, () =>
    launchProgram(["sh", "-c", "while :; do :; done"], { check: false, timeoutMs: LONGEST_RUN_MS, signal }),
  );
  try {
    return await action();
  } finally {
    for (const loop of busy) loop.kill("SIGKILL");
    await Promise.allSettled(busy.map(({ ended }) => ended));
  }
}

async function guestFigures(connections: number, signal: AbortSignal): Promise<GuestFigure[]> {
  const figures: GuestFigure[] = [];
  await inScratch(async (dir) => {
    const words = ["test", CASE, "--time", "virtual", "--connections", `${connections}`, "--reporter", "json"];
    const { ms, cpuMs, descendantMiB } = await watched([...words, "--out", dir], signal);
    const run = readdirSync(dir).find((name) => name.includes(CASE)) ?? "";
    const { events, run: info } = readRecord(path.join(dir, run));
    const phases = events.filter((event): event is EventOf<"phase"> => event.kind === "phase");
    const [up, traffic] = [lengthOf(phases, "up"), lengthOf(phases, "traffic")];
    const one = { targets: info.targets.length, connections };
    figures.push(
      { what: "a guest: its lab is up", ...one, ms: up.hostMs },
      { what: "a guest: a second of its traffic", ...one, ms: (1000 * traffic.hostMs) / traffic.labMs },
      { what: `a guest: ${CASE}, whole run`, ...one, ms, peakMiB: descendantMiB },
      { what: `a guest: ${CASE}, CPU time`, ...one, ms: cpuMs },
    );
  });
  return figures;
}

function lengthOf(phases: readonly EventOf<"phase">[], name: Phase): { labMs: number; hostMs: number } {
  const edge = (wanted: "begin" | "end") => phases.find(({ phase, edge: at }) => phase === name && at === wanted);
  const [begin, end] = [edge("begin"), edge("end")];
  return {
    labMs: ((end?.t ?? 0) - (begin?.t ?? 0)) / 1e6,
    hostMs: ((end?.hostT ?? 0) - (begin?.hostT ?? 0)) / 1e6,
  };
}
