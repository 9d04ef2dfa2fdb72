// What tests of the docker runtime need of the engine itself.
import { mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
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
export async function soonGone(): Promise<boolean> {
  for (const end = performance.now() + 5000; performance.now() < end; ) {
    if ((await labelled()).every(({ State }) => State === "created")) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** Stands between the harness and the engine; closing it looks like the engine's end from either side. */
export async function proxyTo(engineSocket: string, socket: string): Promise<{ close(): void }> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (near) => {
    const far = net.connect({ path: engineSocket, allowHalfOpen: true });
    for (const side of [near, far]) open.add(side.on("error", () => {}));
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    close() {
      server.close();
      for (const side of open) side.destroy();
    },
  };
}
