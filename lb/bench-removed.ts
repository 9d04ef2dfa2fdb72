// SPDX-License-Identifier: Apache-2.0
// What it costs when one of ten targets leaves, by its place in the order: `npm run bench:removed [backend] [word of test]...`. Measured
// in the lab against theory (hash-threshold: RFC 2992), both families at once; Markdown on stdout, exit code 1 when a run did not pass.
import { runProgram } from "../harness/host/program.ts";
import { makeOracle, type Oracle } from "../harness/oracle/oracle.ts";
import { shareMoved } from "../harness/oracle/regions.ts";
import type { Summary } from "../harness/record/schema.ts";
import { backends } from "./index.ts";

const TARGETS = 10;
const [name = "ecmp", ...words] = process.argv.slice(2);
const backend = backends.find((one) => one.name === name);
if (!backend) throw new Error(`There is no backend '${name}'. There are: ${backends.map((b) => b.name).join(", ")}.`);
const spec = backend.oracle(backend.options.parse({}), TARGETS, "tcp");
const all = Array.from({ length: TARGETS }, (_, i) => i);

/** Share of all flows that change their target; null where the strategy does not cut its hash into regions or buckets. */
function theory(before: Oracle, after: Oracle): number | null {
  const { regions, buckets } = before;
  if (regions && after.regions) {
    const next = after.regions;
    return all.reduce((sum, i) => sum + (before.shares.get(i) ?? 0) * shareMoved([regions], next, i), 0);
  }
  if (buckets && after.buckets)
    return buckets.filter((owner, i) => owner !== after.buckets?.[i]).length / buckets.length;
  return null;
}

async function measure(removed: number): Promise<Summary> {
  const run = [
    "test",
    `${name}_scale_in`,
    "--targets",
    `${TARGETS}`,
    "--scale",
    `${removed + 1}`,
    "--at",
    "1.5",
    "--duration",
    "3",
  ];
  const program = `${import.meta.dirname}/../load-balancer.ts`;
  const more = [...run, "--connections", "4000", "--rate", "4000", "--json", ...words];
  const { stdout, stderr } = await runProgram([program, ...more], { timeoutMs: 300_000, check: false });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as Summary;
}

process.stdout.write(
  "| target that leaves | theory | measured | 95 % interval | lost | predicted one by one | verdict |\n|",
);
process.stdout.write(`${" --- |".repeat(7)}\n`);
for (const removed of all) {
  const before = spec && makeOracle(spec, all);
  const after =
    spec &&
    before &&
    makeOracle(
      spec,
      all.filter((i) => i !== removed),
      before,
    );
  const expected = before && after && theory(before, after);
  const { events, verdict } = await measure(removed);
  const [event] = events;
  if (verdict !== "pass" || !event) process.exitCode = 1;
  const percent = (share: number | null) => (share === null ? "" : `${(100 * share).toFixed(1)} %`);
  const cells = event
    ? [
        percent(expected),
        percent(event.lost / event.alive),
        `${event.interval95.map((x) => x.toFixed(1)).join(" to ")} %`,
        `${event.lost} of ${event.alive}`,
        event.mispredicted === null ? "" : `${event.alive - event.mispredicted} of ${event.alive}`,
      ]
    : ["", "", "", "", ""];
  process.stdout.write(`| ${removed + 1} | ${cells.join(" | ")} | ${verdict} |\n`);
}
