// SPDX-License-Identifier: Apache-2.0
// Runs every backend in every scenario, both families at once, over TCP and UDP, in short: `npm run matrix [folder [backend...]]`. What
// the folder has already passed or skipped is left out, so it can be interrupted and taken up again. Then MATRIX.md is written out of
// the folder. Exit code 1: a case did not pass.
import path from "node:path";
import { conformanceMatrix } from "../harness/actions/matrix.ts";
import { runProgram } from "../harness/host/program.ts";
import { findNamed } from "../harness/plan/catalog.ts";
import type { Protocol } from "../harness/record/schema.ts";
import { netns } from "../harness/runtime/netns.ts";
import { finishedRuns } from "../harness/set/manifest.ts";
import { program, root } from "../harness/testing/machine.ts";
import { backends } from "../lb/index.ts";
import { scenarios } from "./index.ts";
import { short } from "./short.ts";

const [folder = path.join(root, "results", "matrix"), ...names] = process.argv.slice(2);
const chosen = names.length === 0 ? backends : names.map((name) => findNamed("backend", backends, name));
const protocols: readonly Protocol[] = ["tcp", "udp"];

for (const backend of chosen) {
  // What this kernel lacks runs in a virtual machine, which takes no load but its own.
  const here = (await backend.missing(netns, backend.options.parse({}))).length === 0;
  for (const scenario of scenarios)
    for (const protocol of protocols) {
      const name = scenario.name === "connect" ? backend.name : `${backend.name}_${scenario.name}`;
      const done = finishedRuns(folder).found.filter(({ summary: s }) => s.case === name && s.protocol === protocol);
      const { only = protocol } = scenario.protocol ?? {};
      if (only !== protocol || done.some(({ summary: s }) => ["pass", "unjudged", "skip"].includes(s.verdict)))
        continue;
      const words = here ? ["--connections", "1000", ...short(scenario.name, protocol)] : [];
      const args = ["test", name, "--protocol", protocol, "--out", folder, "--retries", "2", "--reporter", "json"];
      const options = { timeoutMs: 3_600_000, showStderr: true, check: false };
      const { code: status } = await runProgram([program, ...args, ...words], options);
      if (status === 130) process.exit(130);
      process.stderr.write(`${name} over ${protocol}: exit code ${status}\n`);
      if (status !== 0 && status !== 77) process.exitCode = 1;
    }
}
await conformanceMatrix(
  { results: [folder], write: path.join(import.meta.dirname, "MATRIX.md") },
  { catalog: { backends, scenarios, runtimes: [netns] } },
);
