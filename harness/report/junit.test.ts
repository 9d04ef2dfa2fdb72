// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Verdict } from "../record/schema.ts";
import { ctrfReport } from "./ctrf.ts";
import { failedRun, hostileRun, scaleRun } from "./fixture.ts";
import { verdictMarkup } from "./html/sections.ts";
import { renderJunit } from "./junit.ts";
import { renderMarkdown } from "./markdown.ts";
import type { ReportData } from "./reporter.ts";
import { renderTerminal } from "./terminal.ts";

const OUTCOMES = {
  pass: { element: null, counts: [0, 0, 0] },
  unjudged: { element: "skipped", counts: [0, 0, 1] },
  fail: { element: "failure", counts: [1, 0, 0] },
  error: { element: "error", counts: [0, 1, 0] },
  insufficient: { element: "error", counts: [0, 1, 0] },
  skip: { element: "skipped", counts: [0, 0, 1] },
} as const satisfies Record<Verdict, unknown>;

for (const [verdict, { element, counts }] of Object.entries(OUTCOMES)) {
  test(`a verdict of ${verdict} is well-formed XML with ${element ?? "no outcome element"}`, (t) => {
    const xml = renderJunit(judged(scaleRun(), verdict as Verdict, ["First & foremost <reason>.", "Second."]));
    const { elements, problem } = parse(xml);
    t.is(problem, null);
    t.deepEqual(
      elements.filter((name) => ["failure", "error", "skipped"].includes(name)),
      element === null ? [] : [element],
    );
    t.true(xml.includes(`failures="${counts[0]}" errors="${counts[1]}" skipped="${counts[2]}"`));
  });
}

test("hostile text stays text", (t) => {
  const xml = renderJunit(hostileRun());
  t.is(parse(xml).problem, null);
  t.notRegex(xml, /[^\P{Cc}\n]/u);
});

test("a failure says every reason", (t) => {
  const data = failedRun();
  const xml = renderJunit(data);
  for (const reason of data.summary.reasons) t.true(xml.includes(reason));
  t.true(xml.includes('<testcase name="nfqueue_scale" classname="nfqueue.scale" time="20.847">'));
});

test("what was skipped has its reason, and no word of connections", (t) => {
  const { run, summary, series } = judged(scaleRun(), "skip", ["This kernel has no netem."]);
  const none = { ...summary.connections, planned: 0, established: 0, lost: 0 };
  const skipped: ReportData = { run, series, summary: { ...summary, events: [], connections: none } };
  t.regex(renderJunit(skipped), /<skipped message="This kernel has no netem\."\/>\n<\/testcase>/);
  t.is(ctrfReport(skipped).results.tests[0]?.message, "This kernel has no netem.");
  for (const text of [renderMarkdown(skipped), verdictMarkup(skipped), renderTerminal(skipped, PLAIN)])
    t.notRegex(text, /0 of 0|connections? (was|were)/);
});

const PLAIN = { color: false, columns: 100 };

function judged(data: ReportData, verdict: Verdict, reasons: string[]): ReportData {
  return { ...data, summary: { ...data.summary, verdict, reasons } };
}

/** A strict reader for the part of XML that is used here: declaration, nested elements, quoted attributes, five entities. */
function parse(xml: string): { elements: string[]; problem: string | null } {
  const elements: string[] = [];
  const open: string[] = [];
  const bad = (problem: string) => ({ elements, problem });
  const text = /^(?:[^<>&]|&(?:amp|lt|gt|quot|#39);)*$/;
  const tag = /^(\/?)([\w-]+)((?: [\w-]+="(?:[^"<&]|&(?:amp|lt|gt|quot|#39);)*")*)(\/?)$/;
  for (const [, inTag = "", after = ""] of xml.replace(/^<\?xml [^>]*\?>\n/, "").matchAll(/<([^>]*)>([^<]*)/g)) {
    const [, close, name = "", attributes, empty] = tag.exec(inTag) ?? [];
    if (name === "" || !text.test(after)) return bad(`Bad markup at "<${inTag}>${after}".`);
    if (hasTwice(attributes)) return bad(`<${name}> has an attribute twice.`);
    if (close === "/") {
      if (open.pop() !== name) return bad(`</${name}> closes another element.`);
      continue;
    }
    elements.push(name);
    if (empty === "") open.push(name);
  }
  return { elements, problem: open.length === 0 ? null : `<${open.at(-1)}> is not closed.` };
}

function hasTwice(attributes = ""): boolean {
  const names = [...attributes.matchAll(/ ([\w-]+)="/g)].map(([, key]) => key);
  return new Set(names).size < names.length;
}
