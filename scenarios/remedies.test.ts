// SPDX-License-Identifier: Apache-2.0
// Each gap that `doctor` can tell has a command, and that command closes it: setup brings the packages, and Debian's kernels have the modules.
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Requirements } from "../harness/api/index.ts";
import { setupFor } from "../harness/host/brought.ts";
import { ownWords, parseBackendOptions } from "../harness/plan/backend-options.ts";
import { allCases } from "../harness/plan/catalog.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";

/** Words whose needs no case has by itself. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  nfqueue: ["synOnly=true", "fragments=true", "noTargets=refuse", "mssClamp=1400"],
  nftables: ["mssClamp=1400"],
  ipvs: ["mssClamp=1400"],
  ecmp: ["mssClamp=1400"],
  iptables_statistic: ["variant=legacy"],
};

const all: [name: string, needs: Requirements][] = backends.flatMap((backend) => {
  const cases = allCases({ backends: [backend], scenarios, runtimes: [] }).map(ownWords);
  const words = [[], ...cases, ...(MORE[backend.name] ?? []).map((word) => [word])];
  return words.map((some): [string, Requirements] => [
    `${backend.name} ${some.join(" ")}`.trim(),
    backend.requires(parseBackendOptions(backend, some)),
  ]);
});

test("what a backend needs is brought by setup with the words that the gap names", (t) => {
  for (const [name, { tools = [], programs = [] }] of all) {
    for (const tool of tools) t.is(setupFor([tool.package]), "./setup", `${name}: ${tool.name}`);
    for (const { name: program, from, takes } of programs)
      t.truthy(setupFor(from === "ours" ? (takes ?? []) : from.packages.split(" ")), `${name}: ${program}`);
  }
});

test("what the kernel may lack has a command, or the version that has it", (t) => {
  const probes = all.flatMap(([name, { kernel = [] }]) => kernel.map((probe) => ({ name, ...probe })));
  t.true(probes.length > 50);
  for (const { name, what, remedy } of probes)
    t.regex(
      remedy,
      /^(Run 'modprobe -a [\w ]+' as root, or use another kernel: '--runtime vm'|Use Linux \d+\.\d+ or newer)\.( Or try '--set variant=nft'\.)?$/,
      `${name}: ${what}`,
    );
});

/** By any of the names by which modprobe finds it. */
function modulesOf(dir: string): Set<string> {
  const read = (file: string) => readFileSync(path.join(dir, file), "utf8").split("\n");
  const base = (file: string) =>
    path
      .basename(file)
      .replace(/\.ko.*$/, "")
      .replaceAll("-", "_");
  return new Set([
    ...read("modules.dep").map((line) => base(line.split(":")[0] ?? "")),
    ...read("modules.builtin").map(base),
    ...read("modules.alias").map((line) => line.split(" ")[1] ?? ""),
  ]);
}

const cache = path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "load-balancer/kernels");
const trees = listed(cache).flatMap((kernel) => {
  const at = path.join(cache, kernel, "modules/usr/lib/modules");
  return listed(at).map((release) => path.join(at, release));
});

function listed(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

(trees.length > 0 ? test : test.skip)("the modules that a gap names are those of Debian's kernels", (t) => {
  const named = new Set(
    all.flatMap(([, { kernel = [] }]) =>
      kernel.flatMap(({ remedy }) => /'modprobe -a ([^']*)'/.exec(remedy)?.[1]?.split(" ") ?? []),
    ),
  );
  t.true(named.has("ip_vs_rr") && named.has("ipt_DNAT"));
  for (const tree of trees) {
    const there = modulesOf(tree);
    t.deepEqual(
      [...named].filter((name) => !there.has(name)),
      [],
      tree,
    );
  }
});
