// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { skippedSummary } from "../analysis/summary.ts";
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import type { RunInfo, Summary } from "../record/schema.ts";
import { renderMatrix } from "./matrix.ts";

const catalog = {
  backends: [{ name: "one" } as Backend],
  scenarios: [{ name: "connect" }, { name: "scale" }] as Scenario[],
  runtimes: [],
};

function summary(part: Partial<Summary>): Summary {
  const run = { case: "one", host: { kernel: "6" }, family: "both", protocol: "tcp", targets: [], routers: [] };
  return { ...skippedSummary(run as unknown as RunInfo, ["There is no such kernel."]), ...part };
}

test("a cell is the verdict of the last run in it, and a case that nobody ran says so", (t) => {
  const text = renderMatrix(catalog, [
    summary({ verdict: "fail", reasons: ["It broke."] }),
    summary({ verdict: "pass" }),
    summary({ family: "6", protocol: "udp" }),
  ]);
  t.regex(text, /^\| `one` \| pass \| not run \| pass \| SKIP \|$/m);
  t.regex(text, /^\| `one_scale` \| not run \| not run \| not run \| not run \|$/m);
  t.regex(text, /^- There is no such kernel\. \(`one`\)$/m);
  const fitting = renderMatrix(catalog, [summary({ verdict: "pass" })], ({ name }, protocol) =>
    name === "one_scale" && protocol === "udp" ? "It has no UDP." : null,
  );
  t.regex(fitting, /^\| `one_scale` \| not run \| SKIP \| not run \| SKIP \|$/m);
  t.regex(fitting, /^- It has no UDP\. \(`one_scale`\)$/m);
  t.regex(fitting, /^- Not run: no run in these records\. \(`one`, `one_scale`\)$/m);
  const kernels = [summary({ verdict: "pass" }), summary({ case: "one_scale", verdict: "pass", kernel: "7" })];
  t.regex(renderMatrix(catalog, kernels), /^- Run on Linux 7\. \(`one_scale`\)$/m);
  t.notRegex(renderMatrix(catalog, kernels), /Linux 6/);
  const lacking = renderMatrix(catalog, [], () => null, new Map([["one", "There is no module 'one'."]]));
  t.regex(lacking, /^- Not run: There is no module 'one'\. \(`one`, `one_scale`\)$/m);
});
