// SPDX-License-Identifier: Apache-2.0
// What cannot run here is listed with every reason there is: of the runtime, the backend, the options that a scenario sets, the scenario.
import test from "ava";
import { z } from "zod";
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import { netns } from "../runtime/netns.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { listCases } from "./list.ts";
import { backendLines, matrixLines } from "./list-text.ts";

const runtime: Runtime = { ...netns, name: "here", missing: async () => [] };
const options = z.strictObject({ whole: z.stringbool().default(false) });

function backend(asked: unknown[]): Backend {
  return {
    name: "lb",
    summary: "",
    handles: ["fragments"],
    options,
    async missing(_, given) {
      asked.push(given);
      return given.whole ? ["There is no tun."] : [];
    },
    requires: () => ({}),
    tracks: () => false,
    deploy: () => Promise.reject(new Error("not asked for")),
    oracle: () => null,
    effectiveOptions: () => ({}),
  };
}

const plan: Scenario["plan"] = () => ({ mode: "connect", durationS: 0, out: [], steps: [] });
const scenarios: Scenario[] = [
  { name: "connect", summary: "", routers: 1, plan },
  { name: "frag", summary: "", routers: 1, needs: "fragments", set: { whole: "true", other: "1" }, plan },
  { name: "drift", summary: "", routers: 1, missing: async () => ["The seed is not settable."], plan },
];

test("a case is listed with what its own options and its scenario lack, and each thing is asked once", async (t) => {
  const asked: unknown[] = [];
  const catalog = { backends: [backend(asked)], scenarios, runtimes: [runtime] };
  const listed = await listCases(catalog);
  const why = Object.fromEntries(listed.map((one) => [one.case, one.runtimes.here]));
  t.deepEqual(why, {
    lb: { can: true, why: null },
    lb_frag: { can: false, why: "There is no tun." },
    lb_drift: { can: false, why: "The seed is not settable." },
  });
  t.deepEqual(asked, [{ whole: false }, { whole: true }]);
});

test("the matrix has a row a backend, a column a scenario, and a footnote for each reason", async (t) => {
  const catalog = { backends: [backend([])], scenarios, runtimes: [runtime] };
  const listed = await listCases(catalog);
  const lines = matrixLines(catalog, listed);
  t.deepEqual(lines.slice(0, 2), ["     a  b  c", "lb   +  1  2"]);
  t.true(lines.includes("  1 There is no tun."));
  t.true(lines.includes("  2 The seed is not settable."));
});

test("one backend is shown with its options, its cases and why some cannot run", async (t) => {
  const one = backend([]);
  const lines = backendLines(one, await listCases({ backends: [one], scenarios, runtimes: [runtime] }));
  t.true(lines.some((line) => line.startsWith("  whole ")));
  t.true(lines.includes("  lb_drift  not here [2]"));
});
