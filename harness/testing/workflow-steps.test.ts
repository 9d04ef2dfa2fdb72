// SPDX-License-Identifier: Apache-2.0
// The steps of the ready workflows, run by bash as a CI runs them, beside a program that ends with the codes that a story gives it.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { outcomeOf, root } from "./machine.ts";

const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-steps-"));
test.after.always(() => rmSync(dir, { recursive: true, force: true }));

const textOf = (file: string) => readFileSync(path.join(root, file), "utf8");

/** The script below a step's name, without its indent. */
function stepOf(file: string, name: string): string {
  const [, step = ""] = textOf(file).split(`- name: ${name}\n`);
  const [, indent = "", first = ""] = /^( *)run: \|\n( +)/m.exec(step) ?? [];
  const lines = step.slice(step.indexOf("run: |\n") + 7).split("\n");
  const end = lines.findIndex((line) => line !== "" && !line.startsWith(first));
  if (first.length <= indent.length || end === 0) throw new Error(`There is no script below '${name}' in '${file}'.`);
  return lines
    .slice(0, end < 0 ? undefined : end)
    .map((line) => line.slice(first.length))
    .join("\n");
}

/** GitLab's scripts: each item of a job's `script:`, as one text. */
function jobOf(name: string): string {
  const [, job = ""] = textOf(".ci/gitlab-example.yml").split(`\n${name}:\n`);
  const [, script = ""] = /\n {2}script:\n((?: {4}[^\n]*\n)+)/.exec(job) ?? [];
  return script
    .replaceAll(/^ {4}- >\n((?: {6}[^\n]*\n)+)/gm, (_, folded: string) => `${folded.trim().replaceAll(/\n +/g, " ")}\n`)
    .replaceAll(/^ {4}- \|\n/gm, "")
    .replaceAll(/^ {4}- /gm, "")
    .replaceAll(/^ {6}/gm, "")
    .replaceAll(/^ {4}#[^\n]*\n/gm, "");
}

interface Story {
  /** Exit codes of the program, call by call. */
  codes: readonly number[];
  env?: Record<string, string>;
  /** Files that are there. */
  files?: readonly string[];
}

let stories = 0;

/** What the script ended with, and the words of each call. */
async function play(script: string, { codes, env = {}, files = [] }: Story) {
  const cwd = path.join(dir, String(stories++));
  const bin = path.join(cwd, "bin");
  mkdirSync(bin, { recursive: true });
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(cwd, file)), { recursive: true });
    writeFileSync(path.join(cwd, file), text);
    chmodSync(path.join(cwd, file), 0o755);
  };
  write(
    "load-balancer.ts",
    `#!/bin/bash\necho "$*" >>calls\nset -- ${codes.join(" ")}\nshift $(($(wc -l <calls) - 1))\nexit \${1:?called once more}\n`,
  );
  write("bin/sudo", '#!/bin/sh\nexec "$@"\n');
  write("bin/chown", "#!/bin/sh\n");
  for (const file of files) write(file, "{}\n");
  const { status, stderr } = await outcomeOf(["bash", "-e", "-o", "pipefail", "-c", script], {
    cwd,
    env: { PATH: `${bin}:${process.env.PATH}`, GITHUB_ACTION_PATH: cwd, GITHUB_STEP_SUMMARY: "summary.md", ...env },
  });
  const log = path.join(cwd, "calls");
  return { status, stderr, calls: existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [] };
}

const WORKFLOW = ".github/workflows/regression.yml";

test("GitHub: a shard passes where all is skipped, and fails as its runs do", async (t) => {
  const script = stepOf(WORKFLOW, "Run the cases").replaceAll(/\$\{\{ matrix\.shard \}\}/g, "2");
  for (const [code, status] of [
    [0, 0],
    [77, 0],
    [1, 1],
    [3, 3],
  ] as const) {
    const { status: got, calls, stderr } = await play(script, { codes: [code] });
    t.is(got, status, stderr);
    t.regex(calls[0] ?? "", /^test all .*--shard 2\/3 .*--out results\/shard-2 /);
  }
});

const BASELINES: readonly [title: string, story: Story, status: number, gates: number][] = [
  ["without a baseline it judges without", { codes: [0] }, 0, 1],
  ["without a baseline it fails as its gate does", { codes: [1] }, 1, 1],
  ["a baseline of another machine is left alone", { codes: [2, 0], files: ["BASE"] }, 0, 2],
  ["the gate beside the baseline that another machine made decides", { codes: [2, 1], files: ["BASE"] }, 1, 2],
  ["what the baseline tells is final", { codes: [1], files: ["BASE"] }, 1, 1],
  ["no data is no pass", { codes: [4], files: ["BASE"] }, 4, 1],
  ["what holds beside the baseline passes", { codes: [0], files: ["BASE"] }, 0, 1],
];

for (const [title, story, status, gates] of BASELINES) {
  const withFile = (file: string) => ({ ...story, files: (story.files ?? []).map(() => file) });
  test(`GitHub: ${title}`, async (t) => {
    const { status: got, calls } = await play(stepOf(WORKFLOW, "Gate"), withFile("baseline/baseline.json"));
    t.is(got, status);
    t.is(calls.length, gates);
    t.is(calls[0]?.includes("--baseline baseline/baseline.json"), story.files !== undefined);
    for (const call of calls) t.regex(call, /^gate results --junit results\/gate\.xml --markdown summary\.md/);
  });
  test(`GitLab: ${title}`, async (t) => {
    const merge = withFile("baseline.json");
    const { status: got, calls } = await play(jobOf("report"), {
      ...merge,
      codes: [0, ...merge.codes],
      env: { CI_COMMIT_BRANCH: "change", CI_DEFAULT_BRANCH: "main" },
    });
    t.is(got, status);
    t.regex(calls[0] ?? "", /^merge results\/shard-\* --out results$/);
    t.is(calls.length - 1, gates);
  });
}

test("GitLab: a shard passes where all is skipped, and the default branch makes the next baseline", async (t) => {
  const env = { CI_NODE_INDEX: "1", CI_NODE_TOTAL: "3" };
  for (const [code, status] of [
    [0, 0],
    [77, 0],
    [1, 1],
  ] as const)
    t.is((await play(jobOf("cases"), { codes: [code], env })).status, status);
  const { status, calls } = await play(jobOf("report"), {
    codes: [0, 0, 0],
    env: { CI_COMMIT_BRANCH: "main", CI_DEFAULT_BRANCH: "main" },
  });
  t.is(status, 0);
  t.is(calls[2], "gate results --baseline baseline.json --update-baseline");
});

test("the action gives its inputs to test and gate as single words, and ends as they do", async (t) => {
  const env = {
    CASES: "mine_scale mine_*",
    BACKEND: "my lb.ts",
    ARGUMENTS: "--connections 2000",
    OUT: "out put",
    GATE: "",
  };
  const ran = await play(stepOf("action.yml", "Run the cases"), {
    codes: [1],
    env,
    files: ["mine_x", "out put/set.json"],
  });
  t.is(ran.status, 1, ran.stderr);
  t.regex(ran.calls[0] ?? "", /^test mine_scale mine_\* --backend my lb\.ts --out out put .*--connections 2000$/);
  const gated = await play(stepOf("action.yml", "Gate"), { codes: [4], env });
  t.is(gated.status, 4, gated.stderr);
  t.regex(gated.calls[0] ?? "", /^gate out put --backend my lb\.ts --junit out put\/gate\.xml --markdown summary\.md$/);
});
