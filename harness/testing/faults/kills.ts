// SPDX-License-Identifier: Apache-2.0
// Every signal at every phase of a run: the exit code, and what is left behind.
import { constants } from "node:os";
import { labelled } from "../containers.ts";
import { eventually } from "../machine.ts";
import { PHASE_NAMES, withRun } from "./attacked.ts";
import type { Row } from "./table.ts";

const SIGNALS = ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const;
/** A phase's name is told at its begin: signals come so long after, each time at another moment. */
const WITHIN_MS = [0, 30, 120, 400] as const;

/** Where the labs are: by the runtime's name, and whether containers may be left behind. */
interface Where {
  runtime: string;
  inContainers: boolean;
}

/** `repeats` runs a signal and phase. Each row is one signal and phase. */
export async function killMatrix(where: Where, repeats: number, tell: (row: Row) => void): Promise<Row[]> {
  const rows: Row[] = [];
  for (const phase of PHASE_NAMES)
    for (const signal of SIGNALS) {
      const ends: string[] = [];
      for (let n = 0; n < repeats; n++)
        ends.push(await killOnce(where, { phase, signal, delayMs: WITHIN_MS[n % 4] ?? 0 }));
      const wanted = signal === "SIGKILL" ? "by SIGKILL" : "130";
      const wrong = ends.filter(
        (end) => end !== `${wanted}, nothing left` && !(phase === "report" && end === "0, nothing left"),
      );
      const row = {
        kind: "killed",
        fault: `${signal} to the harness in phase ${phase}, ${repeats} x on ${where.runtime}`,
        wanted: `${wanted}, nothing left`,
        got: [...new Set(wrong.length > 0 ? wrong : ends)].join("; "),
        passed: wrong.length === 0,
      };
      rows.push(row);
      tell(row);
    }
  return rows;
}

type Kill = { phase: (typeof PHASE_NAMES)[number]; signal: (typeof SIGNALS)[number]; delayMs: number };

function killOnce({ runtime, inContainers }: Where, { phase, signal, delayMs }: Kill): Promise<string> {
  return withRun(["--runtime", runtime, "--reporter", "json"], async (run) => {
    if (!(await run.reaches(phase))) return `it ended before phase ${phase}: ${run.said().trim().split("\n").at(-1)}`;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    run.kill(signal);
    const { code, signal: by } = await run.ended;
    const left = await run.leftovers();
    if (inContainers && !(await eventually(async () => (await labelled()).length === 0, 15_000)))
      left.push(...(await labelled()).map(({ Names }) => `container ${Names[0]}`));
    const end = by === null ? `${code}` : `by ${by}`;
    // The shell that node was started by tells a signal as a code.
    const told = code === 128 + constants.signals[signal] && signal === "SIGKILL" ? "by SIGKILL" : end;
    return `${told}, ${left.length === 0 ? "nothing left" : left.join(", ")}`;
  });
}
