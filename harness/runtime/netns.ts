// SPDX-License-Identifier: Apache-2.0

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { buildDir, isBuilt } from "../host/locate.ts";
import { systemPath } from "../host/tools.ts";
import type { Topology } from "../topology/topology.ts";
import { SETUP } from "../util/typed.ts";
import { Agent } from "./agent.ts";
import { type BringUp, type Lab, LabError, type Runtime, type Traits } from "./runtime.ts";
import { sharingNothing } from "./single.ts";
import { wire } from "./wire.ts";

export { buildDir } from "../host/locate.ts";

/**
 * All machines as network namespaces of one sandbox, whose first process is the agent. The agent ends when its stdin ends,
 * and with it the kernel removes every process, namespace, interface and mount: there is nothing to clean up by hand.
 */
export const netns: Runtime = {
  name: "netns",
  traits: {
    kernel: "this",
    toolsAreHosts: true,
    programsAreHosts: true,
    get privileges() {
      return process.geteuid?.() === 0 ? ("all" as const) : ("user namespace" as const);
    },
    deviceFiles: "all",
    processesAreOurs: true,
    benchSizes: [10, 100, 250, 1000],
  },
  options: z.strictObject({}),
  configured: () => netns,
  missing: async () => [...(await missingPrograms()), ...(await namespaceSwitches())],
  prepare: async () => sharingNothing(netns, up),
  up: (...lab) => up(...lab),
  clean: async () => [],
};

const up: BringUp = async (topology, signal) => {
  signal.throwIfAborted();
  const { agent, stop } = startAgent();
  // From here on, whatever happens, closing the agent's stdin takes everything down.
  const onAbort = () => void stop();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await agent.ready;
    await agent.makeMachines(topology.machines.map((m) => m.name));
    await wire(topology, agent.host(""), (name) => ({ host: agent.host(name), netns: name }));
  } catch (cause) {
    const said = await stop();
    signal.throwIfAborted();
    throw new LabError(said || `Cannot bring the lab up: ${(cause as Error).message}`, { cause });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  return sandboxLab(agent, topology, {
    runtime: netns,
    programs: buildDir,
    ended: agent.ended.then(() => "its agent has ended"),
    stop: async () => void (await stop()),
  });
};

export async function missingPrograms(): Promise<string[]> {
  return (await isBuilt("agent")) ? [] : [`The lab's own programs are not built. Run '${SETUP}'.`];
}

/** A lab whose machines all belong to one agent. `programs` is where they find ours. */
export function sandboxLab(
  agent: Agent,
  topology: Topology,
  {
    runtime,
    programs,
    ended,
    stop,
  }: {
    runtime: { name: string; traits: Traits };
    programs: string;
    ended: Promise<string>;
    stop: () => Promise<void>;
  },
): Lab {
  const names = new Set(topology.machines.map((m) => m.name));
  const host = (name: string) => {
    if (name !== "fabric" && !names.has(name)) throw new LabError(`There is no machine '${name}' in this lab.`);
    return agent.host(name === "fabric" ? "" : name);
  };
  return {
    runtime: runtime.name,
    traits: runtime.traits,
    topology,
    clock: host("fabric").clock,
    ended,
    host,
    wiring: host,
    program: (name) => path.join(programs, name),
    [Symbol.asyncDispose]: stop,
  };
}

/** The sandbox, in a session of its own so that Ctrl-C reaches the harness only, which then takes it down in order. */
function startAgent(): { agent: Agent; stop: () => Promise<string> } {
  const child = spawn(path.join(buildDir, "agent"), ["sandbox"], {
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
    env: { ...process.env, PATH: systemPath() },
    cwd: "/",
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-4000);
  });
  const agent = new Agent(child.stdin, child.stdout);
  const closed = new Promise<void>((resolve) => {
    child.on("close", () => resolve());
    child.on("error", (error) => {
      said = `Cannot start the lab's agent: ${error.message}. Run '${SETUP}'.`;
      agent.lost(said);
      resolve();
    });
  });
  const stop = async () => {
    child.stdin.destroy();
    const killer = setTimeout(() => child.kill("SIGKILL"), 2000);
    await closed;
    clearTimeout(killer);
    return said.trim();
  };
  return { agent, stop };
}

/** What root lacks in a container: CAP_NET_ADMIN and CAP_SYS_ADMIN, by their bits. */
async function capabilities(): Promise<string[]> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  const needed = (1n << 12n) | (1n << 21n);
  if (effective === undefined || (BigInt(`0x${effective}`) & needed) === needed) return [];
  return [
    "Root may not make namespaces here. Run the container with --cap-add SYS_ADMIN --cap-add NET_ADMIN, or as an ordinary user where user namespaces are allowed.",
  ];
}

/** Kernel switches that keep an ordinary user from having a sandbox. Root needs none of them, but its capabilities. */
async function namespaceSwitches(): Promise<string[]> {
  if (process.geteuid?.() === 0) return capabilities();
  const read = async (name: string) => (await readFile(`/proc/sys/${name}`, "utf8").catch(() => "")).trim();
  const fixes: [name: string, bad: string, good: string, why: string][] = [
    ["kernel/apparmor_restrict_unprivileged_userns", "1", "0", "AppArmor restricts unprivileged user namespaces"],
    ["kernel/unprivileged_userns_clone", "0", "1", "Unprivileged user namespaces are off"],
    ["user/max_user_namespaces", "0", "10000", "User namespaces are off"],
  ];
  const found = await Promise.all(
    fixes.map(async ([name, bad, good, why]) =>
      (await read(name)) === bad
        ? [`${why}. Run 'sudo sysctl ${name.replaceAll("/", ".")}=${good}', or run as root.`]
        : [],
    ),
  );
  return found.flat();
}
