// SPDX-License-Identifier: Apache-2.0
// The images of the lab's machines: ours are built when they are missing or their sources have changed, the user's are looked up.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Role } from "../../topology/topology.ts";
import type { Images } from "../runtime.ts";
import { findBase } from "./base.ts";
import type { Engine } from "./engine.ts";
import { build, findOwn, inspect, type Note } from "./store.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const REPOSITORY = "load-balancer";
const ROLES = ["router", "target", "tester"] as const satisfies Role[];
/** What the programs in the base image are compiled from. */
const SOURCES = [
  "Makefile",
  "common.mk",
  "bpf.mk",
  "program.mk",
  "images/agent",
  "images/drops",
  "images/evil",
  "images/old-names",
  "images/tap",
  "images/traffic",
  "lb",
];

/** Image ids or names by role, and the fabric's. Throws LabError when one cannot be had. */
export async function ensureImages(engine: Engine, own: Images, note: Note): Promise<Record<Role | "fabric", string>> {
  const base = await ensureBase(engine, own.base, note);
  const roles: Record<Role, string> = { router: base, target: base, tester: base };
  await Promise.all(
    ROLES.map(async (role) => {
      const image = own[role];
      roles[role] = image ? await findOwn(engine, image, note) : await ensureRole(engine, role, base, note);
    }),
  );
  return { ...roles, fabric: base };
}

/** Our base image, if the engine has it as it is now. */
export async function presentBase(engine: Engine): Promise<string | null> {
  const { tag } = baseOf(undefined);
  return (await inspect(engine.docker, tag)) ? tag : null;
}

function baseOf(from: string | undefined): { files: string[]; tag: string } {
  const files = ["images/base/Dockerfile", ...SOURCES.flatMap((source) => sourceFiles(source))];
  return { files, tag: `${REPOSITORY}/base:${hashOf(files, from ?? "")}` };
}

async function ensureBase(engine: Engine, from: string | undefined, note: Note): Promise<string> {
  const { files, tag } = baseOf(from);
  if (await inspect(engine.docker, tag)) return tag;
  const BASE = await findBase(engine, from, note);
  return build(engine.docker, { root, tag, dockerfile: "images/base/Dockerfile", files, buildargs: { BASE } }, note);
}

async function ensureRole(engine: Engine, role: Role, base: string, note: Note): Promise<string> {
  const dockerfile = `images/${role}/Dockerfile`;
  const tag = `${REPOSITORY}/${role}:${hashOf([dockerfile], base)}`;
  if (await inspect(engine.docker, tag)) return tag;
  return build(engine.docker, { root, tag, dockerfile, files: [dockerfile], buildargs: { BASE: base } }, note);
}

function hashOf(files: readonly string[], seed: string): string {
  const hash = createHash("sha256").update(seed);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(path.join(root, file)));
  return hash.digest("hex").slice(0, 12);
}

/** The C programs' files under a path, sorted: what else is there (tests, notes) does not make an image stale. */
function sourceFiles(source: string): string[] {
  if (!source.includes("/") && source !== "lb") return [source];
  const names = readdirSync(path.join(root, source), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => /(^|\/)Makefile$|\.[ch]$/.test(name))
    .map((name) => path.join(source, name))
    .sort();
}
