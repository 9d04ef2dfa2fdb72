// SPDX-License-Identifier: Apache-2.0
// What tests of the docker runtime need of the engine itself.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Docker from "dockerode";

export const client = () => new Docker();
/** The containers of all labs. */
export const labelled = () => client().listContainers({ all: true, filters: { label: ["load-balancer.run"] } });

/** Builds an image of a Dockerfile's lines, in a new folder. */
export async function buildImage(tag: string, lines: readonly string[], dir: string): Promise<void> {
  mkdirSync(dir);
  writeFileSync(path.join(dir, "Dockerfile"), `${lines.join("\n")}\n`);
  const output = await client().buildImage({ context: dir, src: ["Dockerfile"] }, { t: tag });
  await new Promise((resolve) => client().modem.followProgress(output, resolve));
}

/** A container that is being removed is listed, and then not. */
export const soonGone = () => soon(async () => (await labelled()).every(({ State }) => State === "created"));

/** The labs' containers that the engine calls started, and whether any process of theirs lives. Engines lose count at times. */
export async function startedContainers(): Promise<{ name: string; alive: boolean }[]> {
  const cgroups = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cgroup`, "utf8");
      } catch {
        return ""; // It has ended meanwhile.
      }
    });
  return (await labelled())
    .filter(({ State }) => State !== "created")
    .map(({ Id, Names }) => ({ name: Names[0] ?? Id, alive: cgroups.some((cgroup) => cgroup.includes(Id)) }));
}

/** Whether it comes true in time. */
export async function soon(condition: () => Promise<boolean>, withinMs = 10_000): Promise<boolean> {
  for (const end = performance.now() + withinMs; performance.now() < end; await delay(50))
    if (await condition()) return true;
  return false;
}

/**
 * Stands between the harness and the engine; closing it looks like the engine's end from either side. What the harness says arrives so
 * much later.
 */
export async function proxyTo(engineSocket: string, socket: string, lateMs = 0): Promise<{ close(): void }> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ path: engineSocket, allowHalfOpen: true });
    for (const side of [near, far]) open.add(side.on("error", () => {}));
    far.pipe(near);
    near.on("data", (chunk: Buffer) => setTimeout(() => far.writable && far.write(chunk), lateMs));
    near.on("end", () => setTimeout(() => far.end(), lateMs));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    close() {
      server.close();
      for (const side of open) side.destroy();
    },
  };
}
