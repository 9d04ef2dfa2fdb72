// SPDX-License-Identifier: Apache-2.0
// Packages of Debian through apt with a state of its own: nothing is installed, and this machine's own apt does not notice.
import { readdir, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { makeDirs } from "../../util/make-dirs.ts";
import { LabError } from "../runtime.ts";
import { cacheDir, locked } from "./cache.ts";
import { command } from "./command.ts";
import { debianSource, type Suite, sourceFile } from "./sources.ts";

const FRESH_MS = 24 * 3600_000;
const KERNEL_PACKAGE = "linux-image-cloud-amd64";

/** What a tree of packages leaves out: nothing in a guest reads it. */
const LEFT_OUT = [
  ...["bash-completion", "doc", "info", "lintian", "locale", "man", "perl", "perl5", "zoneinfo"].map(
    (name) => `usr/share/${name}`,
  ),
  ...["gconv", "perl", "perl-base"].map((name) => `usr/lib/x86_64-linux-gnu/${name}`),
  "usr/bin/perl",
];

export interface AvailableKernel {
  suite: Suite;
  /** Debian's, "6.1.176-1". */
  version: string;
  package: string;
}

/** What the suite has; throws LabError when apt cannot reach it. */
export async function availableKernel(suite: Suite, signal?: AbortSignal): Promise<AvailableKernel> {
  const options = await alone([suite], signal, () => aptState([suite], signal));
  const shown = (await command(["apt-cache", ...options, "show", KERNEL_PACKAGE], { signal })).toString();
  const version = /^Version: (\S+)/m.exec(shown)?.[1];
  const name = /^Depends: .*?\b(linux-image-\S+)/m.exec(shown)?.[1];
  if (!version || !name) throw new LabError(`There is no package '${KERNEL_PACKAGE}' in '${suite}'.`);
  return { suite, version, package: name };
}

/** Downloads a kernel's packages into a folder: since Linux 7 there are several. apt checks signatures and sums. Returns the files. */
export async function downloadKernel(kernel: AvailableKernel, dir: string, signal?: AbortSignal): Promise<string[]> {
  makeDirs(dir);
  return alone([kernel.suite], signal, () => download(kernel, dir, signal));
}

async function download(kernel: AvailableKernel, dir: string, signal?: AbortSignal): Promise<string[]> {
  const options = await aptState([kernel.suite], signal);
  const shown = (await command(["apt-cache", ...options, "show", kernel.package], { signal })).toString();
  const depends = /^Depends: (.*)$/m.exec(shown)?.[1] ?? "";
  const parts = [...depends.matchAll(/\blinux-(?:base|binary|modules)-\d\S*/g)].map(([name]) => name);
  await command(["apt-get", ...options, "-q", "download", kernel.package, ...parts], { cwd: dir, signal });
  return (await readdir(dir)).filter((entry) => entry.endsWith(".deb")).map((entry) => path.join(dir, entry));
}

/** Unpacks packages and all that they depend on into a folder. No script of theirs is run; the last suite is preferred. */
export async function unpackTree(
  suites: readonly Suite[],
  packages: readonly string[],
  dir: string,
  signal?: AbortSignal,
): Promise<void> {
  const archives = `${dir}/archives`;
  makeDirs(`${archives}/partial`);
  await alone(suites, signal, async () => {
    const options = await aptState(suites, signal);
    const own = ["-o", `Dir::Cache::archives=${archives}`, "-o", "APT::Install-Recommends=0"];
    await command(
      ["apt-get", ...options, ...own, "-qy", "--download-only", "-t", suites.at(-1) ?? "", "install", ...packages],
      { signal },
    );
  });
  const files = (await readdir(archives)).filter((name) => name.endsWith(".deb")).sort();
  for (const file of files) await unpack(path.join(archives, file), dir, signal);
  await rm(archives, { recursive: true });
  // As on every Debian since bookworm /bin is /usr/bin, whatever a package calls it.
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    const [own, merged] = [path.join(dir, name), path.join(dir, "usr", name)];
    makeDirs(own);
    makeDirs(merged);
    await command(["cp", "-a", `${own}/.`, `${merged}/`]);
    await rm(own, { recursive: true });
    await command(["ln", "-s", `usr/${name}`, own]);
  }
  await Promise.all(LEFT_OUT.map((name) => rm(path.join(dir, name), { recursive: true, force: true })));
}

/** Throws LabError when the file is no package. */
export async function unpack(file: string, dir: string, signal?: AbortSignal): Promise<void> {
  makeDirs(dir);
  await command(["dpkg-deb", "-x", file, dir], { signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw new LabError(`Cannot unpack the package '${file}': ${(cause as Error).message}`, { cause });
  });
}

/** apt refuses to share its state; another process's turn is waited for. */
const alone = <T>(suites: readonly Suite[], signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> =>
  locked(`apt-${suites.join("+")}`, signal, work);

/** Options for apt-get and apt-cache with fresh lists of these suites. */
async function aptState(suites: readonly Suite[], signal?: AbortSignal): Promise<string[]> {
  const source = await debianSource();
  if (!source)
    throw new LabError(
      "This machine's apt has no source of Debian's archive (in /etc/apt/sources.list or sources.list.d), so no package is available. Add a source, or name a file with '--kernel FILE'.",
    );
  const dir = path.join(cacheDir(), "apt", suites.join("+"));
  const list = path.join(dir, "debian.sources");
  // No package is installed there. dpkg's locks lie beside the file.
  const status = path.join(dir, "status");
  makeDirs(path.join(dir, "lists", "partial"));
  await writeFile(status, "");
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    "Dir::Etc::sourceparts=-",
    "Dir::Etc::preferences=/dev/null",
    "Dir::Etc::preferencesparts=-",
    `Dir::State=${dir}`,
    `Dir::State::status=${status}`,
    `Dir::Cache=${dir}`,
    "Acquire::Languages=none",
    "Acquire::Retries=2",
    "Acquire::http::Timeout=20",
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option]);
  const done = path.join(dir, "updated");
  const updatedMs = await stat(done).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
  if (Date.now() - updatedMs < FRESH_MS) return options;
  await writeFile(list, sourceFile(source, suites));
  await command(["apt-get", ...options, "-q", "update", "--error-on=any"], { signal, timeoutMs: 120_000 }).catch(
    (cause: unknown) => {
      signal?.throwIfAborted();
      throw new LabError(
        `apt cannot read '${suites.join("', '")}' from ${source.get("uris")}: ${(cause as Error).message}`,
        {
          cause,
        },
      );
    },
  );
  await writeFile(done, "");
  return options;
}
