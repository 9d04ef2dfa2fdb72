// SPDX-License-Identifier: Apache-2.0
// What cannot run here is listed with every reason there is: of the runtime, the backend, the options that a scenario sets, the scenario.
import test from "ava";
import { z } from "zod";
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import { netns } from "../runtime/netns.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { listCases } from "./list.ts";
import { backendLines, matrixLines, scenarioLines } from "./list-text.ts";

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
    lb: { can: true, why: null, reasons: [] },
    lb_frag: { can: false, why: "There is no tun.", reasons: ["There is no tun."] },
    lb_drift: { can: false, why: "The seed is not settable.", reasons: ["The seed is not settable."] },
  });
  t.deepEqual(asked, [{ whole: false }, { whole: true }]);
});

test("the matrix has a row a backend, a column a scenario, and a footnote for each reason", async (t) => {
  const catalog = { backends: [backend([])], scenarios, runtimes: [runtime] };
  const listed = await listCases(catalog);
  const lines = matrixLines(catalog, listed);
  t.deepEqual(lines.slice(0, 3), ["   a b c", "lb + 1 2", ""]);
  t.true(lines.includes("  1 There is no tun."));
  t.true(lines.includes("  2 The seed is not settable."));
});

test("what lacks several things has the footnote of what no runtime can help, else of the first", async (t) => {
  const lacking = { ...backend([]), missing: async () => ["It needs a file."] };
  const catalog = { backends: [lacking], scenarios, runtimes: [runtime] };
  const lines = matrixLines(catalog, await listCases(catalog));
  t.is(lines[1], "lb 1 1 1");
  t.deepEqual(
    lines.filter((line) => line.includes("needs a file")),
    ["  1 It needs a file."],
  );
  const whole = backendLines(lacking, await listCases(catalog));
  t.true(
    whole.some((line) => /^ {2}lb_drift +not here \[1, 2\]$/.test(line)),
    whole.join("\n"),
  );
  t.true(whole.includes("  2 The seed is not settable."));
});

test("what another runtime has is not the reason where something else stands in its way, too", async (t) => {
  const elsewhere: Runtime = { ...runtime, name: "there", traits: { ...runtime.traits, kernel: "chosen" } };
  const local: Backend = {
    ...backend([]),
    missing: async ({ traits }) => (traits.kernel === "chosen" ? [] : ["No module here."]),
  };
  const catalog = { backends: [local], scenarios, runtimes: [runtime, elsewhere] };
  const lines = matrixLines(catalog, await listCases(catalog));
  t.is(lines[1], "lb T T 1");
  t.true(lines.includes("  1 The seed is not settable."));
});

test("a matrix that is wider than the terminal comes in blocks, and no line is wider", async (t) => {
  const catalog = { backends: [backend([])], scenarios, runtimes: [runtime] };
  const lines = matrixLines(catalog, await listCases(catalog), 36);
  t.deepEqual(lines.slice(0, 2), ["   a b c", "lb + 1 2"]);
  const narrow = matrixLines(catalog, await listCases(catalog), 7);
  t.deepEqual(narrow.slice(0, 6), ["   a b", "lb + 1", "", "   c", "lb 2", ""]);
  for (const line of lines) t.true(line.length <= 36, line);
});

test("the reason of most cells is the first, and a column is as wide as its widest mark", async (t) => {
  const many = Array.from({ length: 12 }, (_, i) => ({
    ...backend([]),
    name: `lb${i}`,
    missing: async () => [i < 2 ? "It is old." : `It lacks part ${i}.`],
  }));
  const catalog = { backends: [backend([]), ...many], scenarios, runtimes: [runtime] };
  const lines = matrixLines(catalog, await listCases(catalog));
  t.true(lines.includes("  1 It is old."), lines.join("\n"));
  t.deepEqual(lines.slice(0, 4), ["      a  b  c", "lb    + 12 13", "lb0   1  1  1", "lb1   1  1  1"]);
});

test("one backend is shown with its options, its cases and why some cannot run", async (t) => {
  const one = backend([]);
  const lines = backendLines(one, await listCases({ backends: [one], scenarios, runtimes: [runtime] }));
  t.true(lines.some((line) => line.startsWith("  whole ")));
  t.true(lines.includes("  lb_drift  not here [2]"));
});

test("one scenario is shown with what happens in it and who can run it", async (t) => {
  const [scenario] = scenarios.slice(2);
  if (scenario === undefined) throw new Error("unreachable");
  const said = { ...scenario, summary: "Targets leave." };
  const lines = scenarioLines(
    said,
    await listCases({ backends: [backend([])], scenarios: [said], runtimes: [runtime] }),
  );
  t.deepEqual(lines.slice(0, 4), ["drift: Targets leave.", "", "Cases:", "  lb_drift  not here [1]"]);
});
