// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { erroredRun, hostileRun, scaleRun } from "./fixture.ts";
import { loadAssets, renderHtml } from "./html.ts";
import { renderMarkdown } from "./markdown.ts";

test("the summary begins with the verdict and links every picture", (t) => {
  const text = renderMarkdown(scaleRun());
  t.true(text.startsWith("# PASS: nfqueue\\_scale\n"));
  for (const id of ["loss", "connections", "spread", "latency"]) t.true(text.includes(`](${id}.png)`));
  t.regex(text, /^\| vm-001 vm-002 leave \| 5\.000 s \| 5\.011 s \| 10,000 \| 2,213 \|/m);
});

test("a run that was skipped says why, and has neither pictures nor numbers", async (t) => {
  const { run, summary, series } = erroredRun();
  const why = "This kernel has no IPVS.";
  const connections = { planned: 0, established: 0, lost: 0, lostOutsideEvents: 0 };
  const environment = { __nvm: "5", xcluster_LB_OPTIONS: "-p -m modulo" };
  const data = {
    run: { ...run, environment },
    series,
    summary: { ...summary, verdict: "skip" as const, reasons: [why], connections },
  };
  const text = renderMarkdown(data);
  t.deepEqual(text.split("\n\n").slice(1, 5), [
    "TCP over IPv4, 4 targets, 1 router, seed 1.",
    "This case did not run.",
    `- ${why}`,
    "## Environment",
  ]);
  t.notRegex(text, /!\[|Latency|lost/);
  t.regex(text, /^\| Variables \| \\_\\_nvm=5 xcluster\\_LB\\_OPTIONS='-p -m modulo' \|$/m);
  const page = renderHtml(data, await loadAssets());
  t.deepEqual(
    [...page.matchAll(/<section id="(\w+)"/g)].map(([, id]) => id),
    ["command", "environment", "options"],
  );
});

test("every row of a table has as many cells as its head, whatever the text", (t) => {
  const text = renderMarkdown(hostileRun());
  for (const block of text.split("\n\n").filter((part) => part.startsWith("|"))) {
    const cells = block.split("\n").map((line) => line.match(/(?<!\\)\|/g)?.length);
    t.is(new Set(cells).size, 1, block);
  }
});

test("hostile text makes no markup", (t) => {
  const outsideCode = renderMarkdown(hostileRun()).replace(/^ {4}.*$/gm, "");
  t.notRegex(outsideCode, /(?<!\\)</);
});
