// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { hostileRun, scaleRun } from "./fixture.ts";
import { renderMarkdown } from "./markdown.ts";

test("the summary begins with the verdict and links every picture", (t) => {
  const text = renderMarkdown(scaleRun());
  t.true(text.startsWith("# PASS: nfqueue\\_scale\n"));
  for (const id of ["loss", "connections", "spread", "latency"]) t.true(text.includes(`](${id}.png)`));
  t.regex(text, /^\| vm-001 vm-002 leave \| 5\.000 s \| 5\.011 s \| 10,000 \| 2,213 \|/m);
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
