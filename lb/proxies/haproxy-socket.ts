// SPDX-License-Identifier: Apache-2.0
// HAProxy's admin socket.
import { CommandError, type Host } from "../../harness/api/index.ts";
import type { LeaveMode } from "../linux/conntrack.ts";

/** Resolves with the process that answers there, once it is another one than `old`. */
export async function answers(host: Host, socket: string, old = ""): Promise<string> {
  for (;;) {
    const { stdout } = await host.exec(["@unix", socket], { input: "show info\n", check: false });
    const pid = /^Pid: (\d+)$/m.exec(stdout)?.[1];
    if (pid !== undefined && pid !== old) return pid;
    await host.clock.sleep(20);
  }
}

/** Commands in a line, as many as the socket's buffer of 16 KiB holds. Throws LabError with what it answers, which is nothing when all is well. */
export async function tell(host: Host, socket: string, commands: readonly string[]): Promise<void> {
  for (let from = 0; from < commands.length; from += 200) {
    const input = `${commands.slice(from, from + 200).join(";")}\n`;
    const output = await host.exec(["@unix", socket], { input });
    if (output.stdout.trim() !== "") throw new CommandError(host.name, ["@unix", socket, input.trim()], output);
  }
}

/** Servers ("backend/server") come and go. `tell` is for every process. */
export async function moveServers(
  tellAll: (commands: string[]) => Promise<unknown>,
  { come, go }: { come: readonly string[]; go: readonly string[] },
  leave: LeaveMode,
): Promise<void> {
  // Drained or in maintenance, a server gets no new connections; then those that it has can be ended.
  const state = leave === "flush" ? "maint" : "drain";
  await tellAll([
    ...come.map((server) => `set server ${server} state ready`),
    ...go.map((server) => `set server ${server} state ${state}`),
  ]);
  if (leave === "flush") await tellAll(go.map((server) => `shutdown sessions server ${server}`));
}
