// SPDX-License-Identifier: Apache-2.0
// The modules that gaps name are those of a kernel that a guest has.
import { readFileSync } from "node:fs";
import path from "node:path";
import { withGuest } from "../harness/testing/guest.ts";
import { needs } from "./needs.testing.ts";

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

withGuest("the modules that a gap names are those of Debian's kernel", (t, { kernel }) => {
  const named = needs.flatMap(([, { kernel: probes = [] }]) =>
    probes.flatMap(({ remedy }) => /'modprobe -a ([^']*)'/.exec(remedy)?.[1]?.split(" ") ?? []),
  );
  t.true(named.includes("ip_vs_rr") && named.includes("ipt_DNAT"));
  const there = modulesOf(path.join(kernel.dir, "modules/usr/lib/modules", kernel.release));
  t.deepEqual(
    [...new Set(named)].filter((name) => !there.has(name)),
    [],
  );
});
