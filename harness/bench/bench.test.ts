import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { program } from "../testing/machine.ts";
import type { Figure } from "./result.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-bench-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

function bench(...words: string[]) {
  const options = { cwd: scratch, encoding: "utf8", timeout: 100_000 } as const;
  return spawnSync(program, ["bench", ...words, "--out", path.join(scratch, "out")], options);
}

test.serial("figures come with their ratio to plain forwarding, their environment, a page and pictures", (t) => {
  const quick = [
    "--metrics",
    "connections,requests,scale_event,memory",
    "--targets",
    "2",
    "--repeat",
    "1",
    "--seconds",
    "0.5",
  ];
  const { status, stdout, stderr } = bench("nftables", ...quick, "--set", "nftables.mode=dnat", "--json");
  t.is(status, 0, stderr);
  const figures = JSON.parse(stdout) as Figure[];
  const find = (backend: string, metric: string) => figures.find((f) => f.backend === backend && f.metric === metric);
  for (const metric of ["connections", "requests"]) {
    const [own, plain] = [find("nftables", metric), find("plain", metric)];
    t.true((own?.median ?? 0) > 100 && (plain?.median ?? 0) > 100, metric);
    t.is(own?.ratioToPlain, (own?.median ?? 0) / (plain?.median ?? 0));
    t.like(own, { repeats: 1, interval95: null, environment: { runtime: "netns", targets: 2, family: 4 } });
  }
  t.is(find("nftables", "scale_event")?.ratioToPlain, null);
  // A kept connection is one entry of conntrack; plain forwarding has none.
  if (process.geteuid?.() === 0) {
    t.is(find("plain", "memory")?.median, 0);
    const bytes = find("nftables", "memory")?.median ?? 0;
    t.true(bytes > 150 && bytes < 2000, `${bytes}`);
  }
  const dir = path.join(scratch, "out", readdirSync(path.join(scratch, "out"))[0] ?? "");
  for (const file of ["bench.json", "bench.md", "bench-rates.png"]) t.true(existsSync(path.join(dir, file)), file);
  t.regex(readFileSync(path.join(dir, "bench.html"), "utf8"), /static routing by source prefix to the same 2 targets/);
});

for (const [why, words, sentence] of [
  ["an unknown metric", ["nfqueue", "--metrics", "speed"], /'--metrics speed' does not fit/],
  ["an unknown backend", ["nonsense"], /no backend 'nonsense'/i],
  ["the lab beside backends", ["harness", "nfqueue"], /takes no backends beside/],
  ["no rounds", ["nfqueue", "--repeat", "0"], /'--repeat 0' does not fit/],
] as const)
  test(`${why} is wrong usage`, (t) => {
    const { status, stderr } = bench(...words);
    t.is(status, 2);
    t.regex(stderr, sentence);
  });
