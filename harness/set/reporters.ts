// SPDX-License-Identifier: Apache-2.0
// Reporters of sets of runs. One that fails does not keep the others from writing, and never loses a run.

import { appendFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { ctrfSet } from "../report/ctrf.ts";
import { junitSet } from "../report/junit.ts";
import { systemReason } from "../util/errors.ts";
import { type RunSet, type SetReporter, totals } from "./set.ts";
import { githubAnnotations, setMarkdown } from "./text.ts";

const file = (name: string, fileName: string, render: (set: RunSet) => string | Promise<string>): SetReporter => ({
  name,
  write: async (set, dir) => writeFile(path.join(dir, fileName), await render(set)),
});

/** GitHub cuts a step's summary off at 1 MiB. */
const MOST_BYTES = 1_000_000;

const github: SetReporter = {
  name: "github",
  async write(set) {
    process.stdout.write(githubAnnotations(set));
    const summary = process.env.GITHUB_STEP_SUMMARY;
    if (summary) await appendFile(summary, setMarkdown(set, MOST_BYTES));
  },
};

const terminal: SetReporter = {
  name: "terminal",
  async write(set) {
    process.stdout.write(`${[...set.missing, totals(set)].join("\n")}\n`);
  },
};

export const setReporters: Readonly<Record<string, SetReporter>> = Object.fromEntries(
  [
    terminal,
    file("json", "runs.json", (set) => {
      const entries = set.entries.map(({ state, attempts }) => ({
        state,
        attempts: attempts.map(({ dir, summary }) => ({ dir, summary })),
      }));
      return `${JSON.stringify({ missing: set.missing, entries }, null, 2)}\n`;
    }),
    file("markdown", "summary.md", (set) => setMarkdown(set, MOST_BYTES)),
    file("junit", "junit.xml", junitSet),
    file("ctrf", "ctrf.json", (set) => `${JSON.stringify(ctrfSet(set), null, 2)}\n`),
    file("html", "index.html", async (set) => (await import("./page.ts")).setPage(set)),
    github,
  ].map((reporter) => [reporter.name, reporter]),
);

/** Names of those that failed, with why. */
export async function writeSet(set: RunSet, dir: string, names: readonly string[]): Promise<string[]> {
  const failures: string[] = [];
  for (const name of names) {
    try {
      await setReporters[name]?.write(set, dir);
    } catch (error) {
      failures.push(`Cannot write the ${name} report of all runs: ${systemReason(error)}`);
    }
  }
  return failures;
}
