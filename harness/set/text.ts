// SPDX-License-Identifier: Apache-2.0
import { share } from "../report/format.ts";
import { inline, tableText } from "../report/markdown.ts";
import { headline, VERDICT_WORDS } from "../report/prose.ts";
import { list, plural } from "../util/numbers.ts";
import { countStates, type Entry, lastOf, type RunSet, type State } from "./set.ts";

export const STATE_WORDS: Record<State, string> = {
  ...(Object.fromEntries(Object.entries(VERDICT_WORDS).map(([state, { badge }]) => [state, badge])) as Record<
    Exclude<State, "flaky">,
    string
  >),
  flaky: "FLAKY",
};

const COUNTED: Record<State, string> = {
  pass: "passed",
  unjudged: "with unjudged losses",
  fail: "failed",
  skip: "skipped",
  insufficient: "without enough data",
  error: "broken",
  flaky: "flaky",
};

/** "3 runs: 2 passed and 1 failed", for headings. */
export function setHeadline({ entries, missing }: RunSet): string {
  const states = countStates(entries).map(({ state, n }) => `${n} ${COUNTED[state]}`);
  return `${plural(entries.length, "run")}${states.length > 0 ? `: ${list(states)}` : ""}${missing.length > 0 ? `; ${missing.length} missing` : ""}`;
}

/** "21.7 % + 3.0 %": what each event cost. */
export function lossText(entry: Entry): string {
  return lastOf(entry)
    .summary.events.map(({ lost, alive }) => share(lost, alive))
    .join(" + ");
}

/** The first reason, and how often it was tried. */
export function whyText(entry: Entry): string {
  const [first] = entry.attempts;
  const { summary } = lastOf(entry);
  if (entry.state === "flaky")
    return `Passed at attempt ${entry.attempts.length}; the first: ${first.summary.reasons[0] ?? first.summary.verdict}`;
  return summary.verdict === "pass" ? "" : (summary.reasons[0] ?? VERDICT_WORDS[summary.verdict].sentence);
}

/** At most `mostBytes`: failures come first, and what has no room is counted. */
export function setMarkdown(set: RunSet, mostBytes: number): string {
  const rank = (state: State) => countStates(set.entries).findIndex((c) => c.state === state);
  const ordered = [...set.entries].sort((a, b) => rank(a.state) - rank(b.state));
  const head = [`# ${inline(setHeadline(set))}`, ...set.missing.map((text) => `- ${inline(text)}`)].join("\n\n");
  const rows = ordered.map((entry) => {
    const { summary } = lastOf(entry);
    return [STATE_WORDS[entry.state], summary.case, String(summary.seed), lossText(entry), whyText(entry)];
  });
  const text = (n: number) =>
    `${head}\n\n${tableText({ head: ["Verdict", "Case", "Seed", "Lost at events", "Why"], rows: rows.slice(0, n) })}\n${n < rows.length ? `\nAnd ${plural(rows.length - n, "run")} more, for which this summary has no room.\n` : ""}`;
  let [fits, least] = [rows.length, 0];
  if (Buffer.byteLength(text(fits)) > mostBytes) {
    while (fits - least > 1) {
      const middle = Math.floor((fits + least) / 2);
      if (Buffer.byteLength(text(middle)) > mostBytes) fits = middle;
      else least = middle;
    }
    fits = least;
  }
  return text(fits);
}

/** Workflow commands: a line for each run that did not pass. */
export function githubAnnotations(set: RunSet): string {
  const kinds: Partial<Record<State, string>> = {
    fail: "error",
    error: "error",
    insufficient: "error",
    flaky: "warning",
    unjudged: "notice",
    skip: "notice",
  };
  const lines = set.entries.flatMap((entry) => {
    const kind = kinds[entry.state];
    const { summary } = lastOf(entry);
    const title = `${STATE_WORDS[entry.state]} ${summary.case}, seed ${summary.seed}`;
    return kind === undefined ? [] : [annotation(kind, title, `${whyText(entry)} ${headline(summary)}`.trim())];
  });
  return [...set.missing.map((text) => annotation("error", "Missing", text)), ...lines].join("");
}

/** A workflow command of GitHub: one line, whatever the texts hold. */
export function annotation(kind: string, title: string, text: string): string {
  const data = (raw: string) => raw.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  const property = (raw: string) => data(raw).replaceAll(":", "%3A").replaceAll(",", "%2C");
  return `::${kind} title=${property(title)}::${data(text)}\n`;
}
