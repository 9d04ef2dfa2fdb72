// SPDX-License-Identifier: Apache-2.0
// Files of people's own under traffic: each is judged connection by connection, and what they do wrong is found.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Backend } from "../../harness/api/index.ts";
import { someOf } from "../../harness/testing/alike.ts";
import { netns, parseBackendOptions } from "../../harness/testing/lab.ts";
import { runMain } from "../../harness/testing/machine.ts";
import { runCase } from "../../harness/testing/run-case.ts";
import { isSkipped } from "../../harness/testing/skip.ts";
import { haproxy } from "../proxies/haproxy.ts";
import { nginx } from "../proxies/nginx.ts";
import { asFound } from "./as-found.ts";

const CASES = path.join(import.meta.dirname, "../../harness/testing/cases/found");
const out = mkdtempSync(path.join(tmpdir(), "found-lab-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const LOAD = "--targets 3 --scale 1 --connections 300 --rate 600 --at 2,4 --duration 7".split(" ");
const RULES = ["vip=203.0.113.10", "targets=10.20.0.11,10.20.0.12,10.20.0.13"];
const NFT = [
  "vip=203.0.113.10,2001:db8::10",
  "targets=10.20.0.11,10.20.0.12,10.20.0.13,2001:db8:1::11,2001:db8:1::12,2001:db8:1::13",
  "map=eth0:clients,10.20.0.0/24:keep",
];

/** Without the admin socket it is changed by reloads. */
const reloaded = path.join(out, "reload.cfg");
writeFileSync(reloaded, readFileSync(path.join(CASES, "haproxy.cfg"), "utf8").replace(/.*stats socket.*\n/, ""));

const FILES: [backend: Backend, file: string, set: string[], words: string[]][] = [
  [haproxy, path.join(CASES, "haproxy.cfg"), [], []],
  [haproxy, reloaded, ["leave=drain"], []],
  [nginx, path.join(CASES, "nginx.conf"), [], []],
  [nginx, path.join(CASES, "nginx.conf"), [], ["--protocol", "udp"]],
  [asFound, path.join(CASES, "iptables-save.txt"), [...RULES, "map=eth0:clients"], ["--family", "4"]],
  [
    asFound,
    path.join(CASES, "iptables-save.txt"),
    [...RULES, "map=eth0:clients"],
    ["--family", "4", "--protocol", "udp"],
  ],
  [asFound, path.join(CASES, "nft-ruleset.txt"), NFT, []],
];

async function lacks(t: ExecutionContext, backend: Backend, set: readonly string[]): Promise<boolean> {
  return isSkipped(t, [
    ...(await netns.missing()),
    ...(await backend.missing(netns, parseBackendOptions(backend, set))),
  ]);
}
const setWords = (set: readonly string[]) => set.flatMap((word) => ["--set", word]);

for (const [i, [backend, file, more, words]] of someOf([...FILES.entries()], [0, 2, 4, 5, 6]))
  test.serial(
    `${backend.name} as ${[path.basename(file), ...more.filter((word) => word.startsWith("leave")), ...words].join(" ")} says: what is lost is what was predicted`,
    async (t) => {
      const set = [`config=${file}`, ...more];
      if (await lacks(t, backend, set)) return;
      const args = [...LOAD, ...setWords(set), ...words];
      const { summary } = await runCase(t, `${backend.name}_scale`, args, { out: path.join(out, `${i}`) });
      t.is(summary.verdict, "pass", summary.reasons.join("\n"));
      const [left, back] = summary.events;
      t.true(left && left.mispredicted === 0 && back?.mispredicted === 0);
      if (more.includes("leave=drain")) t.is(left?.lost, 0);
      else t.true((left?.lost ?? 0) > 50, `${left?.lost}`);
    },
  );

test.serial("a dump that drops what goes to one target fails, and its targets are named", async (t) => {
  const file = path.join(out, "drops.txt");
  const text = readFileSync(path.join(CASES, "iptables-save.txt"), "utf8");
  writeFileSync(file, text.replace(/^-A FORWARD/m, "-A FORWARD -d 10.20.0.12/32 -p tcp -j DROP\n$&"));
  const set = [`config=${file}`, ...RULES, "map=eth0:clients"];
  if (await lacks(t, asFound, set)) return;
  const args = [...LOAD, ...setWords(set), "--family", "4"];
  const { summary } = await runCase(t, "as_found_scale", args, { out: path.join(out, "drops") });
  t.is(summary.verdict, "fail");
  t.regex(summary.reasons.join("\n"), /were not established/);
});

test.serial("what the programs themselves refuse is exit code 2 with the line, and nothing is left", async (t) => {
  for (const [backend, name, from, to, sentence, more] of [
    [
      haproxy,
      "haproxy.cfg",
      "balance roundrobin",
      "balance fairly",
      /line 30: haproxy says: '?balance'? only supports/,
      [],
    ],
    [nginx, "nginx.conf", "least_conn;", "least_conn 3;", /line 17: nginx says: invalid number of arguments/, []],
    [
      asFound,
      "iptables-save.txt",
      '-p tcp -m comment --comment "web: 203.0.113.10" -m tcp --dport 443',
      '-p tcp -m comment --comment "web: 203.0.113.10" -m tcp --sport often --dport 443',
      /line 11: iptables-restore says: /,
      [...RULES, "map=eth0:clients"],
    ],
    [asFound, "nft-ruleset.txt", "counter packets", "counted packets", /line 20: nft says: syntax error/, NFT],
  ] as const) {
    const file = path.join(out, `bad-${name}`);
    writeFileSync(file, readFileSync(path.join(CASES, name), "utf8").replace(from, to));
    const set = [`config=${file}`, ...more];
    if (
      (await backend.missing(netns, parseBackendOptions(backend, [])).catch(() => [])).some((text) =>
        /not installed/.test(text),
      )
    )
      continue;
    const dir = path.join(out, `none-${name}`);
    const { status, stderr } = await runMain(
      ["test", backend.name, "--targets", "3", "--family", "4", "--runtime", "netns", "--out", dir, ...setWords(set)],
      { cwd: out },
    );
    t.is(status, 2, stderr);
    t.regex(stderr, sentence);
  }
});
