// SPDX-License-Identifier: Apache-2.0
// A wall clock that is set in the middle of a run: the harness reads one that a preloaded library moves; the machine's own stays.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { runProgram } from "../../host/program.ts";
import { findTool } from "../../host/tools.ts";
import { outcomeOf } from "../machine.ts";
import { during, EVERYWHERE, type Fault } from "./fault.ts";

const HOUR_S = 3600;

function jump(seconds: number): Fault["got"] {
  return async (where) => {
    const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-clock-"));
    const [library, offset] = [path.join(dir, "jump.so"), path.join(dir, "offset")];
    try {
      setOffset(offset, 0);
      await runProgram(["cc", "-O2", "-shared", "-fPIC", "-o", library, path.join(import.meta.dirname, "jump.c")]);
      const env = { LD_PRELOAD: library, WALL_CLOCK_OFFSET: offset };
      const before = await wallClockMs(env);
      const outcome = await during({ env }, () => setOffset(offset, seconds))(where);
      const movedS = Math.round(((await wallClockMs(env)) - before) / 1000 / HOUR_S) * HOUR_S;
      return movedS === seconds ? outcome : `the clock of Node.js did not jump: ${movedS} s`;
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };
}

function setOffset(file: string, seconds: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(seconds));
  // In place: it is mapped.
  writeFileSync(file, bytes, { flag: seconds === 0 ? "w" : "r+" });
}

async function wallClockMs(env: NodeJS.ProcessEnv): Promise<number> {
  return Number((await outcomeOf([process.execPath, "-p", "Date.now()"], { env })).stdout);
}

const missing = () => findTool("cc", "gcc");

export const clockFaults: readonly Fault[] = [
  {
    kind: "corrupted",
    fault: "the harness' wall clock, an hour ahead",
    wanted: "pass, exit code 0",
    on: EVERYWHERE,
    missing,
    got: jump(HOUR_S),
  },
  {
    kind: "corrupted",
    fault: "the harness' wall clock, an hour back",
    wanted: "pass, exit code 0",
    on: EVERYWHERE,
    missing,
    got: jump(-HOUR_S),
  },
];
