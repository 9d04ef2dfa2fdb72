// SPDX-License-Identifier: Apache-2.0
// What it costs when one of ten targets leaves, by its place in the order: `npm run bench:removed [backend] [word of test]...`. Measured
// in the lab against theory (hash-threshold: RFC 2992), both families at once; Markdown on stdout, exit code 1 when a run did not pass.
import { EVENTS } from "../harness/api/index.ts";
import { expectedLoss, flowSources, runProgram, type Summary } from "../harness/testing/lab.ts";
import { backends } from "./index.ts";

const TARGETS = 10;
const [name = "ecmp", ...words] = process.argv.slice(2);
const backend = backends.find((one) => one.name === name);
if (!backend) throw new Error(`There is no backend '${name}'. There are: ${backends.map((b) => b.name).join(", ")}.`);
const spec = backend.oracle(backend.options.parse({}), TARGETS, "tcp");
const all = Array.from({ length: TARGETS }, (_, i) => i);

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
  const plan = { targets: TARGETS, routers: 1, out: [], steps: [{ event: EVENTS.scale_in, members: [removed + 1] }] };
  const { share } = expectedLoss(spec, plan, flowSources({ families: [4, 6], mode: "stream", protocol: "tcp" }));
  const { events, verdict } = await measure(removed);
  const [event] = events;
  if (verdict !== "pass" || !event) process.exitCode = 1;
  const percent = (part: number | null) => (part === null ? "" : `${(100 * part).toFixed(1)} %`);
  const cells = event
    ? [
        percent(share),
        percent(event.lost / event.alive),
        `${event.interval95.map((x) => x.toFixed(1)).join(" to ")} %`,
        `${event.lost} of ${event.alive}`,
        event.mispredicted === null ? "" : `${event.alive - event.mispredicted} of ${event.alive}`,
      ]
    : ["", "", "", "", ""];
  process.stdout.write(`| ${removed + 1} | ${cells.join(" | ")} | ${verdict} |\n`);
}
