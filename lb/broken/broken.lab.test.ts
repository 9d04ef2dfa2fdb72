// SPDX-License-Identifier: Apache-2.0
// The proof that the lab finds what is wrong: real runs of balancers that are wrong on purpose.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Finding } from "../../harness/testing/lab.ts";
import { root, runMain } from "../../harness/testing/machine.ts";
import { runCase, runCases, runOnce, untilSufficient } from "../../harness/testing/run-case.ts";
import { brokenBalancers } from "./balancers.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-broken-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

const sentences: Record<string, RegExp> = {
  "broken-sprayer": /connections split over targets, [\d,]+ of [\d,]+: /,
  "broken-modulo": /by another target than the oracle predicted/,
  "broken-resets": /lost outside the events: \d+ by reset/,
  "broken-ignores": /The spread over the targets does not fit/,
  "broken-blank": /dropped with no target available/,
  "broken-leak": /answered by an inactive target/,
  "broken-drops": /packets are unaccounted for.*drops them on their way to the targets.* to vm-005/,
  "broken-mutes": /from the targets are unaccounted for: something drops them on their way back/,
  "broken-twins": /packets more than the tester sent.*something duplicates packets/,
  "broken-flips": /came back otherwise than they were sent, all from vm-005, and came to the targets so/,
  "broken-alias": /vm-005 answers as vm-006/,
  "broken-tardy": /still answered by the old target up to \d+ ms after the balancer said/,
};

/** Has a test of its own: what is late on a machine that others keep busy is seen, and nobody's fault. */
const LATE = "broken-late";

const files = Object.keys(sentences).map((name) => path.join(root, "lb/broken", `${name.slice(7)}.ts`));
const often = ["--connections", "1000", "--rate", "2000", "--at", "1", "--duration", "2.2"];

test.serial(
  "each broken balancer is caught by the right sentence, and the gate fails it; the right one passes",
  async (t) => {
    t.deepEqual([...Object.keys(sentences), LATE].sort(), brokenBalancers.map(({ name }) => name).sort());
    const words = [...files.flatMap((file) => ["--backend", file]), ...often];
    const names = Object.keys(sentences).map((name) => `${name}_scale_in`);
    const batch = await runCases(names, words, { out: path.join(scratch, "all") });
    const again = (name: string, attempt: number) =>
      runOnce(name, words, { out: path.join(scratch, `${name}-${attempt}`) });
    const wrong: string[] = [];
    for (const name of names) {
      const { status, summary, dir } = await untilSufficient(
        t,
        async (attempt) => (attempt === 1 && batch.get(name)) || again(name, attempt),
      );
      const { backend, reasons } = summary;
      t.is(status, 1, `${backend}: ${reasons.join("\n")}`);
      t.true(
        reasons.some((reason) => sentences[backend]?.test(reason)),
        `${backend}: ${reasons.slice(0, 9).join("\n")}`,
      );
      wrong.push(dir);
    }
    const right = await runCase(t, "nfqueue_scale_in", often, { out: path.join(scratch, "right") });
    t.is(right.status, 0, right.summary.reasons.join("\n"));
    for (const dir of [...wrong, right.dir]) {
      const gate = await runMain(["gate", dir, "--json"]);
      const { findings } = JSON.parse(gate.stdout) as { findings: Finding[] };
      t.is(gate.status, dir === right.dir ? 0 : 1, `${dir}: ${JSON.stringify(findings)}`);
    }
  },
);

test.serial("packets that wait and are overtaken are seen over UDP, and told where the machine kept up", async (t) => {
  const words = ["--protocol", "udp", "--connections", "100", "--rate", "2000", "--at", "1", "--duration", "4"];
  const file = ["--backend", path.join(root, "lb/broken/late.ts")];
  const run = (name: string, more: readonly string[]) =>
    runCase(t, `${name}_scale_in`, [...words, ...more], { out: path.join(scratch, `udp-${name}`) });
  const [late, right] = [await run(LATE, file), await run("nfqueue", [])].map(({ summary }) => summary);
  t.is(right?.integrity?.reordered, 0);
  const { integrity, verdict, reasons = [] } = late ?? {};
  t.true((integrity?.reordered ?? 0) >= 10 && (integrity?.late ?? 0) >= 10, JSON.stringify(integrity));
  const isJudged = (integrity?.judged.reordered ?? 0) > 0;
  t.is(
    reasons.some((reason) => /came back in another order than they were sent/.test(reason)),
    isJudged,
  );
  if (isJudged) t.is(verdict, "fail");
});
