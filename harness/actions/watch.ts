// SPDX-License-Identifier: Apache-2.0
// What happens to connections of the running lab, line by line: the fabric's tap, and the kernel's word on drops where it may be asked.
import type { WatchArgs } from "../commands/session.ts";
import { dropsWords } from "../run/kernel-drops.ts";
import { tapWords } from "../run/tapping.ts";
import { LabError } from "../runtime/runtime.ts";
import { ask, requireSession, type SessionStatus } from "../session/session.ts";
import { type Outputs, OWN_OUTPUTS, runAttached } from "../session/terminal.ts";
import { TapReader } from "../tap/records.ts";
import { Watcher } from "../tap/watch.ts";
import { clientNetworks } from "../topology/topology.ts";
import { EXIT } from "../util/exit-codes.ts";
import { orThrow } from "./session.ts";

const LIVE_MIB = 4;
/** Of timeout(1). */
const TIMED_OUT = 124;

const timeOfDay = (at: Date) => `${at.toTimeString().slice(0, 8)}.${String(at.getMilliseconds()).padStart(3, "0")}`;

/** Until Ctrl-C, or for so many seconds. */
export async function watch({ duration }: WatchArgs, signal: AbortSignal): Promise<number> {
  const { status: found } = orThrow(await ask(await requireSession(), { op: "status" }));
  if (!found) throw new LabError("The lab did not say what it is.");
  const watcher = new Watcher(found.targets.map(({ name }) => name));
  // A packet is told as it comes; the lab's clock may be its own.
  let offsetMs: number | null = null;
  const tell = (t: number, line: string | null) => {
    offsetMs ??= Date.now() - t / 1e6;
    if (line !== null) process.stdout.write(`${timeOfDay(new Date(offsetMs + t / 1e6))} ${line}\n`);
  };
  const limit = duration === undefined ? [] : ["timeout", `${duration}`];
  const inFabric = async (argv: readonly string[], outputs: Outputs, end: AbortSignal) => {
    const attached = { machine: "fabric", argv: [...limit, ...argv], tty: false, outputs };
    return runAttached(await requireSession(), attached, end);
  };
  const [packets, drops] = [new TapReader(), new TapReader()];
  const onPackets = (chunk: Buffer) => {
    for (const packet of packets.push(chunk)) tell(packet.t, watcher.see(packet));
  };
  const onDrops = (chunk: Buffer) => {
    drops.push(chunk);
    for (const drop of drops.drops.splice(0)) tell(drop.t, watcher.hear(drop));
  };
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const asking = askKernels(found, either, (words) =>
    inFabric(["drops", "--live", ...words], { stdout: onDrops, stderr: tellUnasked }, either),
  );
  const words = tapWords(found.testers, clientNetworks(), LIVE_MIB);
  const code = await inFabric(["tap", "--live", ...words], { ...OWN_OUTPUTS, stdout: onPackets }, signal);
  over.abort();
  await asking;
  return duration !== undefined && code === TIMED_OUT ? EXIT.passed : code;
}

/** Which network namespaces the machines are in, is asked of each of them. */
async function askKernels(
  { machines }: SessionStatus,
  signal: AbortSignal,
  listen: (words: string[]) => Promise<number>,
): Promise<void> {
  const inodes = await Promise.all(
    machines.map(async (name) => {
      const said: Buffer[] = [];
      const outputs = { stdout: (chunk: Buffer) => void said.push(chunk), stderr: () => {} };
      const attached = { machine: name, argv: ["@netns"], tty: false, outputs, input: false };
      await runAttached(await requireSession(), attached, signal);
      return [name, Buffer.concat(said).toString().trim()] as const;
    }),
  );
  await listen(dropsWords(clientNetworks(), inodes));
}

function tellUnasked(chunk: Buffer): void {
  const said = chunk
    .toString()
    .replace(/^ready$/m, "")
    .trim();
  if (said !== "") process.stderr.write(`Drops are not shown: ${said}\n`);
}
