// SPDX-License-Identifier: Apache-2.0
// Kernels by what a user calls them: a file, a package, or a version or suite of Debian. Prepared once, kept in the cache.

import { existsSync, readdirSync } from "node:fs";
import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { findTool } from "../../host/tools.ts";
import { UsageError } from "../../util/errors.ts";
import { makeDirs } from "../../util/make-dirs.ts";
import { PROGRAM } from "../../util/typed.ts";
import { LabError } from "../runtime.ts";
import { type AvailableKernel, availableKernel, downloadKernel, unpack } from "./apt.ts";
import { cacheDir, cached, entries, locked } from "./cache.ts";
import { command } from "./command.ts";
import { ensureTree, fromTree, hash } from "./root.ts";
import { SUITES, type Suite } from "./sources.ts";
import { readKernel } from "./vmlinux.ts";

/** One that can be booted. */
export interface Kernel extends KernelFacts {
  /** Its folder's name in the cache. */
  key: string;
  /** "kernel" is what QEMU gets; below "modules" is what the guest's root gets. */
  dir: string;
}

interface KernelFacts {
  /** What `uname -r` says. */
  release: string;
  /** As Debian counts, and its suite; null for a file of the user's. */
  version: string | null;
  suite: Suite | null;
}

/** Without these there is no guest. Y or M in the kernel's configuration. */
const NEEDED = [
  "BLK_DEV_INITRD",
  "BRIDGE",
  "DEVTMPFS",
  "INET",
  "IPV6",
  "NET_NS",
  "SERIAL_8250_CONSOLE",
  "TIME_NS",
  "TMPFS",
  "UTS_NS",
  "VETH",
  "VIRTIO_CONSOLE",
  "VIRTIO_PCI",
];
const MODULE_DIRS = ["usr/lib/modules", "lib/modules"];
/** Modules that a guest may want: networking, and what that is built on. */
const MODULES = ["arch", "crypto", "drivers/char", "drivers/net", "drivers/virtio", "lib", "net"];
/** Below drivers/net are mostly cards that no guest has. */
const CARDS = [
  "ethernet",
  "wireless",
  "usb",
  "wwan",
  "can",
  "phy",
  "fddi",
  "hamradio",
  "ppp",
  "wan",
  "hyperv",
  "vmxnet3",
  "arcnet",
  "ieee802154",
  "dsa",
];

/** Throws UsageError when nothing is called so, LabError when it cannot be had or is no kernel that a guest could run. */
export async function findKernel(word: string, note: (text: string) => void, signal?: AbortSignal): Promise<Kernel> {
  const [, wanted] = /^debian:(.+)$/.exec(word) ?? [];
  if (wanted !== undefined) {
    const find = async () => (await cachedKernels()).filter((kernel) => fits(kernel, wanted)).at(-1);
    const here = await find();
    return here ?? locked(`debian-${wanted}`, signal, async () => (await find()) ?? fetchKernel(wanted, note, signal));
  }
  const file = path.resolve(word);
  const isFile = await stat(file).then(
    (s) => s.isFile(),
    () => false,
  );
  if (!isFile)
    throw new UsageError(
      `There is no kernel '${word}': no such file. Write debian:VERSION, debian:SUITE (${SUITES.join(", ")}), or the path of a vmlinuz or of a .deb with a kernel; '${PROGRAM} kernels' lists the available kernels.`,
    );
  return file.endsWith(".deb")
    ? fromPackages([file], { version: null, suite: null }, note, signal)
    : fromFile(file, note, signal);
}

/** In the cache, oldest version first. */
export async function cachedKernels(): Promise<Kernel[]> {
  const keys = await entries("kernels");
  const found = await Promise.all(
    keys.map(async (key) => {
      const dir = path.join(cacheDir(), "kernels", key);
      return { ...(JSON.parse(await readFile(path.join(dir, "info.json"), "utf8")) as KernelFacts), key, dir };
    }),
  );
  return found.sort((a, b) => compareVersions(a.release, b.release));
}

export interface Offered {
  suite: Suite;
  kernel: AvailableKernel | null;
  /** Why there is none. */
  why: string | null;
}

/** What apt can fetch, suite by suite. */
export function offeredKernels(signal?: AbortSignal): Promise<Offered[]> {
  return Promise.all(
    SUITES.map((suite) =>
      availableKernel(suite, signal).then(
        (kernel) => ({ suite, kernel, why: null }),
        (error: unknown) => {
          signal?.throwIfAborted();
          return { suite, kernel: null, why: (error as Error).message };
        },
      ),
    ),
  );
}

/** The kernel's own configuration: options that are built in or modules; null where it is not known. */
export async function kernelConfig(kernel: Kernel): Promise<ReadonlySet<string> | null> {
  const text = await readFile(path.join(kernel.dir, "config"), "utf8").catch(() => null);
  return text === null ? null : new Set([...text.matchAll(/^CONFIG_(\w+)=[ym]$/gm)].map(([, name]) => name ?? ""));
}

async function fetchKernel(wanted: string, note: (text: string) => void, signal?: AbortSignal): Promise<Kernel> {
  note(`looking for kernel 'debian:${wanted}'`);
  const offered = await offeredKernels(signal);
  const found = offered.flatMap(({ kernel }) => (kernel && fits(kernel, wanted) ? [kernel] : []));
  const [kernel] = found;
  if (!kernel) {
    const had = offered.flatMap(({ kernel: one }) => (one ? [`debian:${one.version} (debian:${one.suite})`] : []));
    if (had.length === 0) throw new LabError(`Cannot look for kernel 'debian:${wanted}'. ${offered[0]?.why ?? ""}`);
    throw new UsageError(`There is no kernel 'debian:${wanted}'. apt has: ${had.join(", ")}.`);
  }
  note(`fetching ${kernel.package} ${kernel.version} from ${kernel.suite}`);
  const downloads = path.join(cacheDir(), "apt", `download.partial-${process.pid}`);
  try {
    return await fromPackages(await downloadKernel(kernel, downloads, signal), kernel, note, signal);
  } finally {
    await rm(downloads, { recursive: true, force: true });
  }
}

/** "6.1" is any 6.1, "6.1.176-1" that one, "bookworm" what the suite has. */
function fits({ version, suite }: { version: string | null; suite: Suite | null }, wanted: string): boolean {
  return suite === wanted || version === wanted || (version ?? "").startsWith(`${wanted}.`);
}

async function fromPackages(
  files: readonly string[],
  { version, suite }: Pick<KernelFacts, "version" | "suite">,
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<Kernel> {
  const [file = ""] = files;
  const key = version === null ? `deb-${hash(await readFile(file)).slice(0, 12)}` : `debian-${version}`;
  return prepare(key, note, signal, async (scratch) => {
    for (const one of files) await unpack(one, scratch, signal);
    const found = findVmlinuz(scratch);
    if (found === null)
      throw new LabError(
        `'${file}' is a package without a kernel: no boot/vmlinuz-* or modules/*/vmlinuz. Name one such as linux-image-*.deb.`,
      );
    const modules = MODULE_DIRS.map((dir) => path.join(scratch, dir, found.release)).find(existsSync) ?? null;
    return { ...found, modules, version, suite };
  });
}

/** In /boot, or since Linux 7 beside its modules. */
function findVmlinuz(root: string): { file: string; config: string; release: string } | null {
  const list = (dir: string) => (existsSync(dir) ? readdirSync(dir) : []);
  const boot = path.join(root, "boot");
  const [name] = list(boot).filter((entry) => entry.startsWith("vmlinuz-"));
  if (name !== undefined) {
    const release = name.slice("vmlinuz-".length);
    return { file: path.join(boot, name), config: path.join(boot, `config-${release}`), release };
  }
  for (const dir of MODULE_DIRS)
    for (const release of list(path.join(root, dir))) {
      const file = path.join(root, dir, release, "vmlinuz");
      if (existsSync(file)) return { file, config: path.join(root, dir, release, "config"), release };
    }
  return null;
}

/** Its modules and its configuration are where distributions put them, if it has any. */
async function fromFile(file: string, note: (text: string) => void, signal?: AbortSignal): Promise<Kernel> {
  const data = await readFile(file);
  const { release } = await readKernel(data, file);
  return prepare(`file-${hash(data).slice(0, 12)}`, note, signal, async () => {
    const places = [
      path.resolve(file, "../../lib/modules"),
      path.resolve(file, "../../usr/lib/modules"),
      "/lib/modules",
    ];
    const modules = places.map((dir) => path.join(dir, release ?? "-")).find(existsSync) ?? null;
    return { file, config: path.join(path.dirname(file), `config-${release}`), modules, version: null, suite: null };
  });
}

interface Parts extends Pick<KernelFacts, "version" | "suite"> {
  file: string;
  config: string;
  modules: string | null;
}

async function prepare(
  key: string,
  note: (text: string) => void,
  signal: AbortSignal | undefined,
  find: (scratch: string) => Promise<Parts>,
): Promise<Kernel> {
  const dir = await cached(
    `kernels/${key}`,
    async (at) => {
      const scratch = path.join(at, "scratch");
      makeDirs(scratch);
      const parts = await find(scratch);
      const image = await readFile(parts.file);
      const { release, vmlinux } = await readKernel(image, parts.file);
      if (release === null) throw new LabError(`'${parts.file}' has no kernel version.`);
      await writeFile(path.join(at, "kernel"), vmlinux ?? image);
      const config = await readFile(parts.config, "utf8").catch(() => null);
      if (config !== null) {
        checkConfig(config, parts.file);
        await writeFile(path.join(at, "config"), config);
      }
      await mkdir(path.join(at, "modules"));
      if (parts.modules)
        await copyModules({ from: parts.modules, to: path.join(at, "modules"), release }, note, signal);
      const facts: KernelFacts = { release, version: parts.version, suite: parts.suite };
      await writeFile(path.join(at, "info.json"), `${JSON.stringify(facts)}\n`);
      await rm(scratch, { recursive: true });
    },
    signal,
  );
  return { ...(JSON.parse(await readFile(path.join(dir, "info.json"), "utf8")) as KernelFacts), key, dir };
}

function checkConfig(config: string, file: string): void {
  const missing = NEEDED.filter((name) => !new RegExp(`^CONFIG_${name}=[ym]$`, "m").test(config));
  if (missing.length > 0)
    throw new LabError(
      `The kernel '${file}' cannot run as a guest here: it was built without ${missing.map((name) => `CONFIG_${name}`).join(", ")}.`,
    );
}

/** The modules that count, uncompressed where this machine can, with an index that fits them. */
async function copyModules(
  { from, to, release }: { from: string; to: string; release: string },
  note: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const at = path.join(to, "usr/lib/modules", release);
  for (const folder of MODULES) {
    const source = path.join(from, "kernel", folder);
    if (existsSync(source))
      await cp(source, path.join(at, "kernel", folder), {
        recursive: true,
        filter: (name) => !CARDS.some((card) => name.startsWith(path.join(from, "kernel/drivers/net", card))),
      });
  }
  for (const name of readdirSync(from).filter((n) => /^modules\.(builtin|order)/.test(n)))
    await cp(path.join(from, name), path.join(at, name));
  const compressed = readdirSync(at, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ko.xz"));
  if (compressed.length > 0 && (await findTool("xz", "xz-utils")) === null)
    await command(["xz", "-d", ...compressed], { cwd: at, signal });
  await command(
    [...fromTree(await ensureTree(note, signal), "usr/bin/kmod", "depmod"), "-b", path.join(to, "usr"), release],
    { signal },
  );
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

/** For sentences: the guests' kernels that were read. */
export function describeKernel(kernel: Kernel): string {
  return kernel.version === null ? kernel.release : `${kernel.release} (Debian ${kernel.version})`;
}
