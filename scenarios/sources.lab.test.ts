// SPDX-License-Identifier: Apache-2.0
// Few client addresses: who is spread by connection, and who by source.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { netns } from "../harness/runtime/netns.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "../lb/index.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-sources-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

function run(t: ExecutionContext, name: string, sources: number, words: readonly string[]) {
  const out = path.join(scratch, `${name}-${process.hrtime.bigint()}`);
  const args = ["--connections", "200", "--targets", "4", "--sources", `${sources}`, ...words];
  return runCase(t, name, args, { out, timeoutMs: 240_000 });
}

const set = (...words: string[]) => words.flatMap((word) => ["--set", word]);

const bound: [backend: string, words: string[], predicted: number][] = [
  ["nftables", ["scheduler=hash", "keys=srcip"], 200],
  ["nfqueue", ["ports=false"], 200],
  ["iptables_recent", [], 0],
  // Over IPv6 policy 0 hashes the flow label.
  ["ecmp", ["policy=l3"], 100],
];
for (const [name, words, predicted] of bound)
  test.serial(`${name} ${words.join(" ")}: one source uses one target, as predicted`, async (t) => {
    const backend = backends.find((one) => one.name === name);
    if (
      isSkipped(
        t,
        (await backend?.missing(
          netns,
          backend.options.parse(Object.fromEntries(words.map((word) => word.split("=")))),
        )) ?? [],
      )
    )
      return;
    const { status, summary } = await run(t, name, 1, set(...words));
    t.is(status, 0, summary.reasons.join("\n"));
    t.deepEqual(summary.assigned, { checked: predicted, mispredicted: 0 });
    t.is(summary.sources?.moved, 0);
    t.true((summary.sources?.targets.length ?? 9) <= 2, "one for each family");
    t.regex(summary.reasons.join(" "), /keeps a source with its target/);
  });

test.serial("what hashes ports, or gives out turns, spreads the connections of one source", async (t) => {
  for (const name of ["nfqueue", "iptables_statistic"]) {
    const { status, summary } = await run(t, name, 1, []);
    t.is(status, 0, summary.reasons.join("\n"));
    t.is(summary.sources, undefined);
    t.true((summary.spread.chi2P ?? 0) > 0.001 && (summary.spread.maxOverMean ?? 9) < 1.6);
  }
});

test.serial("one source is enough to find a balancer that chooses otherwise than it says", async (t) => {
  const { status, summary } = await run(t, "broken-modulo", 1, ["--backend", "lb/broken/modulo.ts"]);
  t.is(status, 1);
  t.regex(summary.reasons.join(" "), /answered by another target than the oracle predicted/);
});
