// SPDX-License-Identifier: Apache-2.0
// Programs of a lab that are killed or stand still, and links that go down.
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram } from "../../host/program.ts";
import { BOTH, during, type Fault } from "./fault.ts";

const LAB_FAULT = "error, exit code 3";
const OWN_FAULT = "fail, exit code 1";

const signal = (words: string, name: NodeJS.Signals, resumeAfterMs?: number): Pick<Fault, "got" | "on"> => ({
  on: BOTH,
  got: during({}, async (run) => {
    const pid = await run.find(words);
    process.kill(pid, name);
    if (resumeAfterMs === undefined) return;
    await sleep(resumeAfterMs);
    process.kill(pid, "SIGCONT");
  }),
});

const GENERATOR = "traffic stream";
const SERVER = "--name vm-003";
const BALANCER = "nfqueue-lb run";
/** Of the sandbox, or of a container. */
const AGENT = "/agent";

/** The link of a target, set down from within it; for good without a time. */
const link = (upAfterMs?: number): Pick<Fault, "got" | "on"> => ({
  on: BOTH,
  got: during({}, async (run) => {
    const pid = await run.find(SERVER);
    const set = (state: string) =>
      runProgram(["nsenter", `--net=/proc/${pid}/ns/net`, "ip", "link", "set", "eth1", state]);
    await set("down");
    if (upAfterMs === undefined) return;
    await sleep(upAfterMs);
    await set("up");
  }),
});

export const programFaults: readonly Fault[] = [
  { kind: "killed", fault: "a generator, SIGKILL", wanted: LAB_FAULT, ...signal(GENERATOR, "SIGKILL") },
  { kind: "killed", fault: "a generator, SIGTERM", wanted: LAB_FAULT, ...signal(GENERATOR, "SIGTERM") },
  { kind: "killed", fault: "a target's server, SIGKILL", wanted: LAB_FAULT, ...signal(SERVER, "SIGKILL") },
  { kind: "killed", fault: "the balancer, SIGKILL", wanted: OWN_FAULT, ...signal(BALANCER, "SIGKILL") },
  { kind: "killed", fault: "the lab's agent, SIGKILL", wanted: LAB_FAULT, ...signal(AGENT, "SIGKILL") },
  { kind: "stopped", fault: "a generator for 4 s", wanted: LAB_FAULT, ...signal(GENERATOR, "SIGSTOP", 4000) },
  {
    kind: "slowed",
    fault: "a generator, which stands still for 1 s",
    wanted: "insufficient, exit code 4",
    ...signal(GENERATOR, "SIGSTOP", 1000),
  },
  { kind: "stopped", fault: "a target's server for 2 s", wanted: LAB_FAULT, ...signal(SERVER, "SIGSTOP", 2000) },
  { kind: "stopped", fault: "the balancer for 2.5 s", wanted: OWN_FAULT, ...signal(BALANCER, "SIGSTOP", 2500) },
  { kind: "cut", fault: "a target's link, down for 1.5 s", wanted: LAB_FAULT, ...link(1500) },
  { kind: "cut", fault: "a target's link, down for good", wanted: LAB_FAULT, ...link() },
];
