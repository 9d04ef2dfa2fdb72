// SPDX-License-Identifier: Apache-2.0
// The guest's root: the packages that the router image is made of, unpacked. A kernel's modules and our programs are added to it.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { rm, stat, utimes } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildDir } from "../netns.ts";
import { unpackTree } from "./apt.ts";
import { cacheDir, cached, entries } from "./cache.ts";
import { command } from "./command.ts";
import { CpioWriter } from "./cpio.ts";
import type { Kernel } from "./kernels.ts";
import type { Suite } from "./sources.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
/** The suite of the docker runtime's images too. */
const SUITE: Suite = "bookworm";
/** What an image of Debian has before any Dockerfile begins, as far as a guest needs it; kmod, as a guest loads modules. */
const ESSENTIAL = ["coreutils", "dash", "grep", "kmod", "procps", "sed", "util-linux"];
const DOCKERFILES = ["base", "router", "tester"];
/** Needed to build the programs, which come from this machine. */
const NOT_HERE = ["gcc", "libc6-dev", "make"];
/** Scripts of packages, which nobody runs here, would make these; nginx looks its user up. */
const USERS = { "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n" };
const UNUSED_MS = 3600_000;
/** Where our programs are, as in containers. */
export const PROGRAMS = "/opt/load-balancer";

/** Names of Debian packages, sorted: from the images' own lists, so that a guest has what a container has. */
export function rootPackages(): string[] {
  const named = DOCKERFILES.flatMap((role) => {
    const text = readFileSync(path.join(root, "images", role, "Dockerfile"), "utf8").replaceAll("\\\n", " ");
    return [...text.matchAll(/apt-get install([^&\n]*)/g)].flatMap(([, words = ""]) => words.trim().split(/\s+/));
  });
  const packages = named.filter((word) => !word.startsWith("-") && !NOT_HERE.includes(word));
  return [...new Set([...packages, ...ESSENTIAL])].sort();
}

/** The folder with the unpacked packages. Throws LabError when they cannot be had. */
export async function ensureTree(note: (text: string) => void, signal?: AbortSignal): Promise<string> {
  const packages = rootPackages();
  return cached(
    `root-${hash(packages.join(" ")).slice(0, 12)}`,
    async (dir) => {
      note(`fetching the guest's tools: ${packages.join(", ")}`);
      await unpackTree([SUITE], packages, dir, signal);
      // What a package's script would have chosen.
      for (const name of [
        "iptables",
        "iptables-save",
        "iptables-restore",
        "ip6tables",
        "ip6tables-save",
        "ip6tables-restore",
      ])
        await command(["ln", "-sfn", "xtables-nft-multi", path.join(dir, "usr/sbin", name)]);
      await command(["ln", "-sfn", "dash", path.join(dir, "usr/bin/sh")]);
    },
    signal,
  );
}

/** Runs a program of the tree here, with its own libraries: this machine may lack it. `name` is what it is told that it is called. */
export function fromTree(tree: string, program: string, name: string = path.basename(program)): string[] {
  const libraries = path.join(tree, "usr/lib/x86_64-linux-gnu");
  return [
    path.join(libraries, "ld-linux-x86-64.so.2"),
    "--argv0",
    name,
    "--library-path",
    libraries,
    path.join(tree, program),
  ];
}

/** The initramfs of this kernel. It is made again when its packages, its modules or our programs have changed. */
export async function ensureImage(tree: string, kernel: Kernel): Promise<string> {
  const programs = readdirSync(buildDir, { withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [entry.name] : [],
  );
  const seed = [
    path.basename(tree),
    kernel.key,
    ...Object.values(USERS),
    ...programs.map((name) => hash(readFileSync(path.join(buildDir, name)))),
  ];
  const name = `${kernel.key}-${hash(seed.join(" ")).slice(0, 12)}.cpio`;
  const image = await cached(`images/${name}`, async (file) => {
    const writer = await CpioWriter.create(file);
    await writer.directory("dev");
    await writer.device("dev/console", 5, 1);
    for (const dir of ["proc", "sys", "run", "tmp", "root", "opt", "opt/load-balancer"]) await writer.directory(dir);
    await writer.tree(tree);
    for (const [name, text] of Object.entries(USERS)) await writer.file(name, text);
    await writer.tree(path.join(kernel.dir, "modules"));
    await writer.tree(buildDir, `${PROGRAMS.slice(1)}/`);
    await writer.end();
  });
  const now = new Date();
  await utimes(image, now, now);
  const others = (await entries("images")).filter((other) => other.startsWith(`${kernel.key}-`) && other !== name);
  await Promise.all(others.map((other) => removeUnused(path.join(cacheDir(), "images", other))));
  return image;
}

/** Another checkout of this program may be about to boot it. */
async function removeUnused(image: string): Promise<void> {
  const usedMs = await stat(image).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (Date.now() - usedMs > UNUSED_MS) await rm(image, { force: true });
}

export function hash(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
