// SPDX-License-Identifier: Apache-2.0
// What may befall a run, and what must come of it. To add a fault: an entry in the file of its subject.
import { clockFaults } from "./clock.ts";
import { engineFaults } from "./engine-dies.ts";
import type { Fault } from "./fault.ts";
import { fileFaults } from "./files.ts";
import { guestFaults } from "./guest.ts";
import { hostileFaults } from "./hostile.ts";
import { memoryFaults } from "./memory.ts";
import { programFaults } from "./programs.ts";
import type { Line } from "./table.ts";
import type { Where } from "./where.ts";

const faults: readonly Fault[] = [
  ...programFaults,
  ...fileFaults,
  ...memoryFaults,
  ...clockFaults,
  ...engineFaults,
  ...guestFaults,
  ...hostileFaults,
];

export const FAULT_COLUMNS = ["kind", "fault", "must get", "got it", "date"];

export interface Asked {
  where: Where;
  /** Only faults that have this among their words. */
  only: string | undefined;
  today: string;
}

/** A run without a result, on a machine that is busy, is tried again, twice. Skipped faults have no line. */
export async function runFaults(
  { where, only = "", today }: Asked,
  tell: (line: Line) => void,
  skip: (text: string) => void,
): Promise<Line[]> {
  const lines: Line[] = [];
  const asked = faults.filter(({ kind, fault, on }) => on.includes(where.runtime) && `${kind} ${fault}`.includes(only));
  for (const { kind, fault, wanted, got, missing } of asked) {
    const why = (await missing?.()) ?? null;
    if (why !== null) {
      skip(`${fault}: ${why}`);
      continue;
    }
    let what = "";
    for (let attempt = 0; attempt < 3 && (attempt === 0 || isNoResult(what, wanted)); attempt++)
      what = await got(where).catch((error: Error) => error.message);
    const line = {
      cells: [kind, fault, wanted, what === wanted ? "yes" : `**no**: ${what}`, today],
      passed: what === wanted,
    };
    lines.push(line);
    tell(line);
  }
  return lines;
}

const isNoResult = (what: string, wanted: string) => what.startsWith("insufficient") && what !== wanted;
