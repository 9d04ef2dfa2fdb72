// SPDX-License-Identifier: Apache-2.0
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Summary, Verdict } from "../record/schema.ts";
import { lastOf, type RunSet } from "../set/set.ts";
import { shellLine } from "./format.ts";
import { escapeText } from "./html/markup.ts";
import { headline, VERDICT_WORDS } from "./prose.ts";
import type { ReportData, Reporter } from "./reporter.ts";

export const junit: Reporter = {
  name: "junit",
  async write(data, dir) {
    await writeFile(join(dir, "junit.xml"), renderJunit(data));
  },
};

/** A run without enough data is an error, never a pass. */
const OUTCOME: Record<Verdict, "failure" | "skipped" | "error" | null> = {
  pass: null,
  unjudged: "skipped",
  fail: "failure",
  skip: "skipped",
  insufficient: "error",
  error: "error",
};

/** One suite with one test: the case. Its output is the headline, if any. */
export function renderJunit({ run, summary }: ReportData): string {
  return document([suite({ run, summary }, [])]);
}

/** A suite for each run. A flaky one passed in the end: its failures stand in it as Surefire writes them. What is missing is an error. */
export function junitSet({ entries, missing }: RunSet): string {
  const suites = entries.map(({ attempts, state }) => {
    const last = lastOf({ attempts });
    return suite(last, state === "flaky" ? attempts.slice(0, -1).map(({ summary }) => summary) : []);
  });
  const lost = missing.map((text, i): Suite => {
    const counts = { tests: 1, failures: 0, errors: 1, skipped: 0, seconds: 0 };
    const name = `missing ${i + 1}`;
    return plainSuite(name, counts, [testcase(name, "missing", outcomeElement("error", "error", [text]))]);
  });
  return document([...suites, ...lost]);
}

interface Counts {
  tests: number;
  failures: number;
  errors: number;
  skipped: number;
  seconds: number;
}

interface Suite {
  counts: Counts;
  text: string;
}

const shown = ({ seconds, ...counts }: Counts) => ({ ...counts, time: seconds.toFixed(3) });

export function document(suites: readonly Suite[]): string {
  const sum = (of: (counts: Counts) => number) => suites.reduce((total, { counts }) => total + of(counts), 0);
  const counts = {
    tests: sum((c) => c.tests),
    failures: sum((c) => c.failures),
    errors: sum((c) => c.errors),
    skipped: sum((c) => c.skipped),
    seconds: sum((c) => c.seconds),
  };
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites${attributes(shown(counts))}>
${suites.map(({ text }) => text).join("\n")}
</testsuites>
`;
}

/** A suite of tests that no run stands behind. */
export function plainSuite(name: string, counts: Counts, tests: readonly string[]): Suite {
  return { counts, text: `<testsuite${attributes({ name, ...shown(counts) })}>\n${tests.join("\n")}\n</testsuite>` };
}

export function testcase(name: string, classname: string, body: string): string {
  return `<testcase${attributes({ name, classname, time: "0.000" })}>\n${body}\n</testcase>`;
}

function suite({ run, summary }: Pick<ReportData, "run" | "summary">, flaky: readonly Summary[]): Suite {
  const outcome = OUTCOME[summary.verdict];
  const count = (kind: typeof outcome) => (outcome === kind ? 1 : 0);
  const seconds = summary.phasesMs.total / 1000;
  const counts = { tests: 1, failures: count("failure"), errors: count("error"), skipped: count("skipped"), seconds };
  const { time } = shown(counts);
  const properties = {
    id: run.id,
    command: shellLine(run.commandLine),
    kernel: summary.kernel,
    runtime: summary.runtime,
    seed: summary.seed,
    gitRevision: run.gitRevision ?? "",
  };
  const propertyLines = Object.entries(properties).map(([name, value]) => `<property${attributes({ name, value })}/>`);
  const className = `${summary.backend}.${summary.scenario}`;
  const flakes = flaky.map(({ verdict, reasons }) => {
    const message = reasons[0] ?? VERDICT_WORDS[verdict].sentence;
    return `<flakyFailure${attributes({ message, type: verdict })}>${escapeText(reasons.join("\n"))}</flakyFailure>\n`;
  });
  const fate = headline(summary);
  const output = fate === "" ? "" : `<system-out>${escapeText(fate)}</system-out>\n`;
  const text = `<testsuite${attributes({ name: summary.case, ...shown(counts), timestamp: run.startedAt, hostname: run.host.hostname })}>
<properties>
${propertyLines.join("\n")}
</properties>
<testcase${attributes({ name: summary.case, classname: className, time })}>
${outcome === null ? "" : `${outcomeElement(outcome, summary.verdict, summary.reasons)}\n`}${flakes.join("")}${output}</testcase>
</testsuite>`;
  return { counts, text };
}

export function outcomeElement(
  outcome: "failure" | "skipped" | "error",
  type: string,
  reasons: readonly string[],
): string {
  const message = reasons[0] ?? VERDICT_WORDS[type as Verdict].sentence;
  // The schema that most tools follow gives a skip no type and no content.
  if (outcome === "skipped")
    return `<skipped${attributes({ message: reasons.length === 0 ? message : reasons.join(" ") })}/>`;
  return `<${outcome}${attributes({ message, type })}>${escapeText(reasons.join("\n"))}</${outcome}>`;
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeText(String(value))}"`)
    .join("");
}
