// SPDX-License-Identifier: Apache-2.0
// Disks that are full, records that are cut or changed.
import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { runProgram } from "../../host/program.ts";
import { eventually, program, runMain } from "../machine.ts";
import { type Attack, startRun, withRun } from "./attacked.ts";
import { BOTH, damaged, during, type Fault, ONCE, outcomeText } from "./fault.ts";

const NO_DATA = "report 4, gate 4";

/** A run whose --out is on a disk of this size. */
const fullDisk =
  (attack: Omit<Attack, "where">): Fault["got"] =>
  (where) =>
    withRun({ where, more: ["--connections", "1"] }, async (first) => {
      first.kill();
      await first.ended.catch(() => {});
      const small = path.join(first.out, "small");
      mkdirSync(small);
      await runProgram(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", small]);
      try {
        const run = startRun(small, { ...attack, where });
        const { code } = await run.ended;
        return await outcomeText(run, `exit code ${code}, told: ${run.said().includes("the disk is full")}`);
      } finally {
        await runProgram(["umount", small]);
      }
    });

function edit(file: string, change: (text: string) => string): (run: string) => void {
  return (run) => writeFileSync(path.join(run, file), change(readFileSync(path.join(run, file), "utf8")));
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
  writeFileSync(file, bytes);
}

export const fileFaults: readonly Fault[] = [
  {
    kind: "full",
    fault: "the disk of --out, 48 kB",
    wanted: "exit code 3, told: true",
    on: BOTH,
    got: fullDisk({}),
  },
  {
    kind: "full",
    fault: "the disk of --out, 48 kB, of a lab in a guest",
    wanted: "exit code 3, told: true",
    on: ["vm"],
    got: fullDisk({ words: ["nfqueue", "--targets", "2", "--connections", "200"] }),
  },
  {
    kind: "full",
    fault: "the disk that takes 'list --json'",
    wanted: "exit code 3: Cannot write the output: the disk is full.",
    on: ONCE,
    async got() {
      const { code, stderr } = await runProgram(["sh", "-c", `exec '${program}' list --json >/dev/full`], {
        check: false,
      });
      return `exit code ${code}: ${stderr.trim()}`;
    },
  },
  {
    kind: "full",
    fault: "a JUnit report whose name a folder has",
    wanted: "pass, exit code 3",
    on: ONCE,
    got: during({ more: ["--reporter", "junit"] }, ({ out }) => mkdirSync(path.join(out, "junit.xml"))),
  },
  {
    kind: "cut",
    fault: "the last 5 lines of the events",
    wanted: NO_DATA,
    on: ONCE,
    got: damaged(edit("events.ndjson", (text) => text.split("\n").slice(0, -6).join("\n"))),
  },
  {
    kind: "cut",
    fault: "the last 7 bytes of the connections",
    wanted: NO_DATA,
    on: ONCE,
    got: damaged((run) =>
      truncateSync(path.join(run, "connections.bin"), readFileSync(path.join(run, "connections.bin")).length - 7),
    ),
  },
  {
    kind: "cut",
    fault: "a session's socket, with its folder",
    wanted: "status 0, stop 0",
    on: ONCE,
    got: (where) =>
      withRun({ where, more: ["--connections", "1"] }, async ({ out, env, ended }) => {
        await ended;
        await runMain(["start", "nfqueue", "--targets", "2"], { env });
        rmSync(path.join(out, `load-balancer-${process.geteuid?.()}`), { recursive: true });
        const found = await eventually(async () => (await runMain(["status"], { env })).status === 0, 8000);
        return `status ${found ? 0 : 3}, stop ${(await runMain(["stop"], { env })).status}`;
      }),
  },
  {
    kind: "corrupted",
    fault: "one byte of the connections",
    wanted: NO_DATA,
    on: ONCE,
    got: damaged((run) => flip(path.join(run, "connections.bin"), 100)),
  },
  {
    kind: "corrupted",
    fault: "a schema of tomorrow",
    wanted: NO_DATA,
    on: ONCE,
    got: damaged(edit("run.json", (text) => text.replace(/"schema": \d+/, '"schema": 99'))),
  },
  {
    kind: "corrupted",
    fault: "a line of noise behind the events",
    wanted: NO_DATA,
    on: ONCE,
    got: damaged((run) => appendFileSync(path.join(run, "events.ndjson"), "\u0000noise\n")),
  },
];
