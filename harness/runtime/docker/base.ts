// SPDX-License-Identifier: Apache-2.0
// The image that all others are built on: Debian's, or one made of Debian's packages where no registry can be reached.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { findTool } from "../../host/tools.ts";
import { LabError } from "../runtime.ts";
import { type Engine, engineError } from "./engine.ts";
import { findOwn, inspect, type Note, pull } from "./store.ts";

const SUITE = "bookworm";
const OFFICIAL = `debian:${SUITE}-slim`;
const IMPORTED = { repo: "load-balancer/debian", tag: `${SUITE}-slim` };
/** Debian's names of architectures where they are not the engine's. */
const DEBIAN_NAMES: Readonly<Record<string, string>> = { arm: "armhf", "386": "i386", ppc64le: "ppc64el" };
/** What the official slim images leave out, too. */
const LEFT_OUT = ["doc", "man", "locale"];

/** The user's, the official one, or ours of an earlier time; else one is made. */
export async function findBase(engine: Engine, own: string | undefined, note: Note): Promise<string> {
  if (own) return findOwn(engine, own, note);
  const imported = `${IMPORTED.repo}:${IMPORTED.tag}`;
  for (const image of [OFFICIAL, imported]) if (await inspect(engine.docker, image)) return image;
  note(`pulling image '${OFFICIAL}'`);
  try {
    await pull(engine.docker, OFFICIAL);
    return OFFICIAL;
  } catch (cause) {
    const missing = await findTool("mmdebstrap", "mmdebstrap");
    if (missing)
      throw new LabError(
        `Cannot pull '${OFFICIAL}' (${(cause as Error).message.trim()}), nor build a base image from Debian's packages: ${missing} Or name another image with '--image base=...'.`,
        { cause },
      );
    note(`no registry gives '${OFFICIAL}': making '${imported}' of Debian's packages with mmdebstrap`);
    await importDebian(engine, imported);
    return imported;
  }
}

async function importDebian({ docker, architecture }: Engine, image: string): Promise<void> {
  const leftOut = LEFT_OUT.map((what) => `--dpkgopt=path-exclude=/usr/share/${what}/*`);
  const child = spawn(
    "mmdebstrap",
    ["--variant=minbase", `--architectures=${DEBIAN_NAMES[architecture] ?? architecture}`, ...leftOut, SUITE, "-"],
    {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` },
    },
  );
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000);
  });
  const exit = once(child, "exit") as Promise<[number | null]>;
  try {
    // Under another name until mmdebstrap has ended well: half a tree must never be taken for a base.
    const unfinished = { ...IMPORTED, tag: `${IMPORTED.tag}-unfinished-${process.pid}` };
    const output = await docker.importImage(child.stdout, unfinished);
    for await (const _ of output);
    const [code] = await exit;
    const half = docker.getImage(`${unfinished.repo}:${unfinished.tag}`);
    if (code === 0) await half.tag(IMPORTED);
    await half.remove();
    if (code !== 0) throw new Error(`mmdebstrap failed: ${said.trim()}`);
  } catch (error) {
    child.kill();
    throw engineError(`make image '${image}'`, error);
  }
}
