// SPDX-License-Identifier: Apache-2.0
// The containers of one run, told by the process that their labels name: others' runs may go on beside.
import { readdirSync, readFileSync } from "node:fs";
import { labelled } from "../containers.ts";
import { eventually, runMain } from "../machine.ts";

const END_MS = 20_000;

async function containersOf(pid: number | undefined) {
  return (await labelled()).filter(({ Labels }) => {
    try {
      return (JSON.parse(Labels["load-balancer.owner"] ?? "") as { pid?: number }).pid === pid;
    } catch {
      return false; // A malformed label of a hostile container.
    }
  });
}

/** Processes in the containers of the run with this pid, as this machine counts. */
export async function containerProcesses(pid: number | undefined): Promise<number[]> {
  const ids = (await containersOf(pid)).map(({ Id }) => Id);
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((process) => ids.some((id) => cgroupOf(process).includes(id)));
}

/** When the run with this pid has ended: what is there after 'clean', and how many were never started, which it or another run removed. */
export async function containersLeft(pid: number | undefined): Promise<{ containers: string[]; cleaned: number }> {
  // What the engine was asked for by a run that is dead, it may still be making.
  await eventually(async () => (await containersOf(pid)).every(({ State }) => State === "created"), END_MS);
  const waiting = (await containersOf(pid)).filter(({ State }) => State === "created");
  await eventually(async () => {
    if ((await containersOf(pid)).length > 0) await runMain(["clean"]);
    return (await containersOf(pid)).length === 0;
  }, END_MS);
  const left = (await containersOf(pid)).map(({ Names, State }) => `container ${Names[0]} (${State})`);
  return { containers: left, cleaned: waiting.length };
}

function cgroupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return ""; // It has ended meanwhile.
  }
}
