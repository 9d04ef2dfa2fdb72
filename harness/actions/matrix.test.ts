// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { z } from "zod";
import { skippedSummary } from "../analysis/summary.ts";
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import type { RunInfo, Summary } from "../record/schema.ts";
import { renderMatrix, whyNot } from "./matrix.ts";
import { cellsOfPage, type Made } from "./matrix-cells.ts";

const catalog = {
  backends: [{ name: "one" } as Backend],
  scenarios: [{ name: "connect" }, { name: "scale" }] as Scenario[],
  runtimes: [],
};

function made(part: Partial<Summary>, revision: string | null = null, set: readonly string[] = []): Made {
  const run = { case: "one", host: { kernel: "6" }, family: "both", protocol: "tcp", targets: [], routers: [] };
  const base = skippedSummary({ ...run, backend: "one", scenario: "connect", runtime: "vm" } as unknown as RunInfo, [
    "There is no such kernel.",
  ]);
  const commandLine = ["test", "one", ...set.flatMap((word) => ["--set", word])];
  return {
    summary: { ...base, ...part },
    run: { startedAt: "2026-11-29T10:00:00.000Z", gitRevision: revision, commandLine },
  };
}

test("a cell is the verdict of the last run in it, and a case that nobody ran says so", (t) => {
  const text = renderMatrix(catalog, [
    made({ verdict: "fail", reasons: ["It broke."] }),
    made({ verdict: "pass" }),
    made({ family: "6", protocol: "udp" }),
  ]);
  t.regex(text, /^\| `one` \| pass <sup>a<\/sup> \| not run \| pass <sup>a<\/sup> \| SKIP \|$/m);
  t.regex(text, /^\| `one_scale` \| not run \| not run \| not run \| not run \|$/m);
  t.regex(text, /^- There is no such kernel\. \(`one`\)$/m);
  const fitting = renderMatrix(catalog, [made({ verdict: "pass" })], ({ name }, protocol) =>
    name === "one_scale" && protocol === "udp" ? "It has no UDP." : null,
  );
  t.regex(fitting, /^\| `one_scale` \| not run \| SKIP \| not run \| SKIP \|$/m);
  t.regex(fitting, /^- It has no UDP\. \(`one_scale`\)$/m);
  t.regex(fitting, /^- Not run: no run in these records\. \(`one`, `one_scale`\)$/m);
});

test("each cell has the letter of what made it: kernel, runtime, clock, day and revision", (t) => {
  const text = renderMatrix(catalog, [
    made({ verdict: "pass", clock: "virtual" }, "0123456789abcdef"),
    made({ verdict: "pass", protocol: "udp", runtime: "netns", kernel: "7", clock: "real" }, "0123456789abcdef-dirty"),
    made({ verdict: "fail", case: "one_scale", clock: "virtual", reasons: ["It broke."] }, "fedcba9876543210"),
  ]);
  t.regex(text, /^\| `one` \| pass <sup>a<\/sup> \| pass <sup>b<\/sup> \|/m);
  t.regex(text, /^\| `one_scale` \| FAIL <sup>c<\/sup> \|/m);
  t.regex(text, /^- <sup>a<\/sup> Linux 6, vm, virtual time, 2026-11-29, revision 0123456789ab\.$/m);
  t.regex(text, /^- <sup>b<\/sup> Linux 7, netns, this machine's time, 2026-11-29, revision 0123456789ab-dirty\.$/m);
  t.regex(text, /^- <sup>c<\/sup> Linux 6, vm, virtual time, 2026-11-29, revision fedcba987654\.$/m);
  t.regex(text, /^- It broke\. \(`one_scale`\)$/m);
});

test("runs with options have rows of their own, and are none of the defaults'", (t) => {
  const set = ["forward=masq", "scheduler=mh"];
  const text = renderMatrix(catalog, [
    made({ verdict: "fail", reasons: ["It broke."] }, null, set),
    made({ verdict: "pass" }, null, set),
    made({ verdict: "pass", protocol: "udp" }, null, set),
    made({ verdict: "fail", scenario: "scale", reasons: ["Lost."] }, null, set),
  ]);
  t.regex(text, /^\| `one` \| not run \| not run \| not run \| not run \|$/m);
  t.regex(text, /^\| options \| connect \| scale \|$/m);
  t.true(
    text.includes(
      "| `one forward=masq scheduler=mh` | TCP pass <sup>a</sup><br>UDP pass <sup>a</sup> | TCP FAIL <sup>a</sup> |",
    ),
    text,
  );
  t.regex(text, /^- Lost\. \(`one forward=masq scheduler=mh`\)$/m);
});

test("a page keeps the cells that no run has made anew, each with the letter and the sentence that it had", (t) => {
  const set = ["forward=masq"];
  const before = [
    made({ verdict: "pass", kernel: "5" }),
    made({ verdict: "fail", case: "one_scale", reasons: ["It broke, at great length."] }),
    made({ verdict: "pass", scenario: "scale", kernel: "5" }, "0123456789abcdef", set),
  ];
  const wrapped = renderMatrix(catalog, before).replace("at great", "at\n  great");
  const page = cellsOfPage(wrapped);
  t.is(
    renderMatrix(catalog, [], () => null, page),
    renderMatrix(catalog, before),
    "nothing is lost",
  );
  const both = [...before, made({ verdict: "pass", case: "one_scale", protocol: "udp" }), made({ verdict: "pass" })];
  const now = renderMatrix(catalog, both.slice(3), () => null, page);
  t.is(now, renderMatrix(catalog, both), "what was run anew is as if all had been run");
  const without = renderMatrix(catalog, [], ({ name }) => (name === "one_scale" ? "It cannot." : null), page);
  t.regex(without, /^\| `one_scale` \| SKIP \| SKIP \| SKIP \| SKIP \|$/m);
  t.notRegex(without, /It broke/);
});

test("a backend that lacks what only its user has says so in each of its cells", (t) => {
  const named = (asks: Backend["asks"]) =>
    ({ name: "one", options: z.object({}), oracle: () => null, asks }) as unknown as Backend;
  const whyOf = (asks: Backend["asks"]) =>
    whyNot({ name: "one", backend: named(asks), scenario: { name: "connect" } as Scenario }, "tcp");
  t.is(
    whyOf(() => "It needs your rules."),
    "It needs your rules.",
  );
  t.is(
    whyOf(() => null),
    null,
  );
});
