// SPDX-License-Identifier: Apache-2.0
// What a gate found, for a terminal, a CI's list of tests, a pull request and GitHub's annotations.
import { escapeText } from "../report/html/markup.ts";
import { document, outcomeElement, plainSuite, testcase } from "../report/junit.ts";
import { inline, tableText } from "../report/markdown.ts";
import { annotation } from "../set/text.ts";
import { EXIT } from "../util/exit-codes.ts";
import { count, list, plural } from "../util/numbers.ts";
import type { Finding, State } from "./finding.ts";

interface Judgement {
  findings: readonly Finding[];
  /** Number of runs. */
  runs: number;
  /** The exit code. */
  code: number;
}

const WORDS: Record<State, string> = {
  failed: "FAILED",
  error: "ERROR",
  no_data: "NO DATA",
  info: "info",
  held: "held",
};

/** Worst first; all, or what did not hold and what is unjudged. */
function told(findings: readonly Finding[], verbose: boolean): Finding[] {
  const isTold = ({ state, check }: Finding) =>
    verbose || state === "failed" || state === "error" || state === "no_data" || check === "unjudged";
  return (Object.keys(WORDS) as State[]).flatMap((state) => findings.filter((f) => f.state === state && isTold(f)));
}

const nameOf = ({ case: name, check }: Finding) => [name, check].filter(Boolean).join(" ");

/** What did not hold, what is unjudged, and one line; all checks where that was asked for. */
export function gateText(judgement: Judgement, verbose: boolean): string {
  const lines = told(judgement.findings, verbose).map(
    (finding) => `${WORDS[finding.state].padEnd(8)}${nameOf(finding)}: ${finding.text}`,
  );
  return `${lines.length === 0 ? "" : `${lines.join("\n")}\n\n`}${total(judgement)}\n`;
}

/** "NOT PASSED: 4 runs, 55 checks held, 1 failed and 0 without data." */
function total({ findings, runs, code }: Judgement): string {
  const number = (state: State) => findings.filter((finding) => finding.state === state).length;
  const totals = [
    `${plural(number("held"), "check")} held`,
    `${count(number("failed"))} failed`,
    `${count(number("no_data"))} without data`,
    ...(number("error") > 0 ? [`${count(number("error"))} broken`] : []),
  ];
  return `${code === EXIT.passed ? "PASSED" : "NOT PASSED"}: ${plural(runs, "run")}, ${list(totals)}.`;
}

/** A test for each check. What has no data is an error, never a pass; what is told and not judged is a skip. */
export function gateJunit({ findings }: Judgement): string {
  const outcomes = { held: null, failed: "failure", error: "error", no_data: "error", info: "skipped" } as const;
  const cases = findings.map((finding) => {
    const outcome = outcomes[finding.state];
    const name = nameOf(finding);
    const className = `gate.${finding.case || "runs"}`;
    const body =
      outcome === null
        ? `<system-out>${escapeText(finding.text)}</system-out>`
        : outcomeElement(outcome, finding.state, [finding.text]);
    return { outcome, text: testcase(name, className, body) };
  });
  const number = (outcome: string) => cases.filter((one) => one.outcome === outcome).length;
  const counts = {
    tests: cases.length,
    failures: number("failure"),
    errors: number("error"),
    skipped: number("skipped"),
    seconds: 0,
  };
  return document([
    plainSuite(
      "gate",
      counts,
      cases.map(({ text }) => text),
    ),
  ]);
}

export function gateMarkdown(judgement: Judgement): string {
  const rows = told(judgement.findings, false).map((finding) => [
    WORDS[finding.state],
    finding.case,
    finding.check,
    finding.text,
  ]);
  const table = rows.length === 0 ? "" : `\n${tableText({ head: ["", "Case", "Check", "What"], rows })}\n`;
  return `## Gate\n\n${inline(total(judgement))}\n${table}`;
}

/** Workflow commands: one for each check that did not hold. */
export function gateAnnotations({ findings }: Judgement): string {
  return told(findings, false)
    .map((finding) => {
      const kind = finding.state === "info" || finding.state === "held" ? "notice" : "error";
      return annotation(kind, `Gate: ${nameOf(finding)}`, finding.text);
    })
    .join("");
}
