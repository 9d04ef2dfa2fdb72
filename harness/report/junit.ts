import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Verdict } from "../record/schema.ts";
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
  fail: "failure",
  skip: "skipped",
  insufficient: "error",
  error: "error",
};

/** One suite with one test: the case. Its output is the headline. */
export function renderJunit({ run, summary }: ReportData): string {
  const outcome = OUTCOME[summary.verdict];
  const count = (kind: typeof outcome) => (outcome === kind ? 1 : 0);
  const time = (summary.phasesMs.total / 1000).toFixed(3);
  const counts = { tests: 1, failures: count("failure"), errors: count("error"), skipped: count("skipped"), time };
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
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites${attributes(counts)}>
<testsuite${attributes({ name: summary.case, ...counts, timestamp: run.startedAt, hostname: run.host.hostname })}>
<properties>
${propertyLines.join("\n")}
</properties>
<testcase${attributes({ name: summary.case, classname: className, time })}>
${outcome === null ? "" : `${outcomeElement(outcome, summary.verdict, summary.reasons)}\n`}<system-out>${escapeText(headline(summary))}</system-out>
</testcase>
</testsuite>
</testsuites>
`;
}

function outcomeElement(
  outcome: "failure" | "skipped" | "error",
  verdict: Verdict,
  reasons: readonly string[],
): string {
  const message = reasons[0] ?? VERDICT_WORDS[verdict].sentence;
  // The schema that most tools follow gives a skip no type and no content.
  if (outcome === "skipped")
    return `<skipped${attributes({ message: reasons.length === 0 ? message : reasons.join(" ") })}/>`;
  return `<${outcome}${attributes({ message, type: verdict })}>${escapeText(reasons.join("\n"))}</${outcome}>`;
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeText(String(value))}"`)
    .join("");
}
