// SPDX-License-Identifier: Apache-2.0
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { doctorLines } from "../actions/doctor.ts";
import { notBuilt, notInstalled } from "../api/requirements.ts";
import { TOOLS } from "../api/tools.ts";
import { root } from "../testing/machine.ts";
import { BROUGHT, howToGet } from "./brought.ts";
import { runProgram } from "./program.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-setup-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** Packages that ./setup installs or unpacks with these words, on a machine that has nothing but a shell and a new Node. */
async function packagesOf(words: readonly string[]): Promise<string[]> {
  const dir = mkdtempSync(path.join(scratch, "run-"));
  const bin = path.join(dir, "bin");
  mkdirSync(bin);
  const log = path.join(dir, "log");
  writeFileSync(log, "");
  const script = readFileSync(path.join(root, "setup"), "utf8");
  const line = /^PATH=\$PATH:.*$/m;
  if (!line.test(script))
    throw new Error("./setup no longer sets PATH, by which this test hides the machine's programs.");
  writeFileSync(path.join(dir, "setup"), script.replace(line, ""));
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(path.join(root, file), path.join(dir, file));
  for (const tool of ["sh", "sed", "grep", "id", "mktemp", "mkdir", "rm", "dirname", "readlink", "touch", "env"])
    symlinkSync((await runProgram(["which", tool])).stdout.trim(), path.join(bin, tool));
  for (const [name, body] of Object.entries({
    "dpkg-query": "exit 1",
    dpkg: "exit 0",
    "dpkg-deb": "exit 0",
    "apt-cache": "echo '  Candidate: 1:99-1'",
    "apt-get": `printf '%s\n' "$*" >>'${log}'`,
    node: "case $1 in -p) echo true ;; *) echo v22.0.0 ;; esac",
    npm: "mkdir -p node_modules",
    make: "exit 0",
    sudo: 'exec "$@"',
    clang: "echo 14.0.6",
  })) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  await runProgram(["sh", path.join(dir, "setup"), ...words], { env: { PATH: bin, CI: "" }, cwd: dir });
  const lines = readFileSync(log, "utf8")
    .split("\n")
    .filter((text) => /^(install|download) /.test(text));
  return lines.flatMap((text) => text.split(" ").slice(1)).filter((word) => !/^-|=/.test(word));
}

for (const [word, packages] of Object.entries(BROUGHT))
  test(`./setup ${word} brings what doctor says that it brings`, async (t) => {
    const brought = await packagesOf(word === "" ? [] : [word]);
    for (const name of packages) t.true(brought.includes(name), `${name} is not among ${brought.join(" ")}`);
    if (word === "") return;
    const without = await packagesOf([]);
    for (const name of packages) t.false(without.includes(name), `./setup alone brings ${name}`);
  });

test("the command of a gap is the one that closes it", (t) => {
  t.is(howToGet("qemu-system-x86"), "Run './setup --vm', or 'apt-get install qemu-system-x86'.");
  t.is(howToGet("docker.io"), "Run './setup --docker', or 'apt-get install docker.io'.");
  t.is(howToGet("util-linux"), "Run 'apt-get install util-linux'.");
  t.regex(
    notInstalled("nginx", "nginx libnginx-mod-stream"),
    /Run '\.\/setup --peers' \(unpacks it, starts no service\)/,
  );
  t.is(notBuilt("dpdk-lb", ["libdpdk-dev"]), "'dpdk-lb' is not built: that takes libdpdk-dev. Run './setup --dpdk'.");
  t.is(notBuilt("traffic"), "'traffic' is not built. Run './setup'.");
  for (const tool of Object.values(TOOLS)) t.regex(howToGet(tool.package), /^Run '\.\/setup', or /);
});

test("doctor says what works, and each gap once with all that it stops", (t) => {
  const gap = "There is no IPVS. Run 'modprobe ip_vs'.";
  const finding = (runtime: string, backend: string | null, gaps: string[], scenario: string | null = null) => ({
    runtime,
    backend,
    scenario,
    can: gaps.length === 0,
    gaps,
  });
  const findings = [
    finding("netns", null, []),
    finding("netns", "ecmp", []),
    finding("netns", "ipvs", [gap]),
    finding("netns", "ecmp", ["No tun."], "frag"),
    finding("docker", null, []),
    finding("docker", "ecmp", []),
    finding("docker", "ipvs", [gap]),
    finding("vm", null, ["No QEMU."]),
    { ...finding("vm", "ecmp", []), can: false },
  ];
  const lines = doctorLines(findings, [
    { tracked: false, gaps: [] },
    { tracked: true, gaps: ["Conntrack is small."] },
  ]);
  t.deepEqual(lines, [
    "Works here:",
    "  netns  ecmp",
    "  docker ecmp",
    "  vm     nothing",
    "  a million TCP connections",
    "",
    "Gaps, each with what closes it:",
    "  1 There is no IPVS. Run 'modprobe ip_vs'.",
    "    stops netns: ipvs; docker: ipvs",
    "  2 No tun.",
    "    stops netns: ecmp_frag",
    "  3 No QEMU.",
    "    stops vm: everything",
    "  4 Conntrack is small.",
    "    stops a million TCP connections that conntrack holds",
  ]);
  const [ok] = findings;
  t.deepEqual(doctorLines(ok ? [ok, finding("netns", "ecmp", [])] : [], []).slice(1), [
    "  netns  ecmp",
    "",
    "Nothing is missing.",
  ]);
});
