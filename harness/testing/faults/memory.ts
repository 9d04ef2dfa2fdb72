// SPDX-License-Identifier: Apache-2.0
// Too little memory for the harness, and records that are very large.
import { outcomeOf, program } from "../machine.ts";
import { endOf, withRun } from "./attacked.ts";
import { cgroupMissing, type MemoryGroup, memoryGroup } from "./cgroup.ts";
import { afterRun, BOTH, type Fault, ONCE, outcomeText } from "./fault.ts";
import { enlarge } from "./huge.ts";

const MIB = 2 ** 20;
const MILLION_ROWS = 10;
const REPORT_MIB = 1024;
const REPORT_MS = 180_000;

const inGroup =
  (use: (group: MemoryGroup, where: Parameters<Fault["got"]>[0]) => Promise<string>): Fault["got"] =>
  async (where) => {
    const group = memoryGroup();
    try {
      return await use(group, where);
    } finally {
      await group.remove();
    }
  };

/** The kernel kills what uses the most of the group. */
const outOfMemory = inGroup((group, where) =>
  withRun({ where, through: group.through }, async (run) => {
    if (!(await run.reaches("traffic"))) return `no traffic: ${run.said()}`;
    group.limit(group.usedBytes() + 2 * MIB);
    return outcomeText(run, endOf(await run.ended));
  }),
);

export const memoryFaults: readonly Fault[] = [
  {
    kind: "killed",
    fault: "the harness, by the kernel: its control group's memory is used up",
    wanted: "SIGKILL",
    on: BOTH,
    missing: cgroupMissing,
    got: outOfMemory,
  },
  {
    kind: "killed",
    fault: "QEMU, by the kernel: the control group of harness and guest has its memory used up",
    wanted: "3",
    on: ["vm"],
    missing: cgroupMissing,
    got: outOfMemory,
  },
  {
    kind: "full",
    fault: `a record of ${MILLION_ROWS} million rows, 'report' in a control group of ${REPORT_MIB} MiB`,
    wanted: `exit code 0, ${MILLION_ROWS} million rows`,
    on: ONCE,
    missing: cgroupMissing,
    got: (where) =>
      inGroup((group) =>
        afterRun(async (run) => {
          const rows = enlarge(run, MILLION_ROWS * 1e6);
          group.limit(REPORT_MIB * MIB);
          const { status } = await outcomeOf([...group.through, program, "report", run], { timeoutMs: REPORT_MS });
          return `exit code ${status}, ${Math.round(rows / 1e6)} million rows`;
        })(where),
      )(where),
  },
];
