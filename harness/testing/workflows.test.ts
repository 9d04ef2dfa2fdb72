// SPDX-License-Identifier: Apache-2.0
// The ready workflows: each of their commands is taken by the program, which checks words and values and runs nothing.
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "ava";
import { dispatch } from "../cli/dispatch.ts";
import { errorText } from "../cli/main.ts";
import { commands } from "../commands/index.ts";
import { outcomeOf, root } from "./machine.ts";

const FILES = [".github/workflows/regression.yml", ".ci/gitlab-example.yml", "action.yml", "docs/ci.md"];

/** What a CI puts in. */
const VALUES: readonly (readonly [string | RegExp, string])[] = [
  [/\$\{\{ matrix\.shard \}\}/g, "1"],
  ["$CI_NODE_INDEX/$CI_NODE_TOTAL", "1/3"],
  ["$CI_NODE_INDEX", "1"],
  [/\$\{BACKEND:\+--backend "\$BACKEND"\}/g, ""],
  ["$CASES", "nfqueue_scale ecmp_*"],
  ["$ARGUMENTS", "--connections 2000"],
  ["$GATE", "--thresholds gate.json"],
  [/\$OUT/g, "results"],
  ["$GITHUB_STEP_SUMMARY", "summary.md"],
  [/"\$@"/g, "--baseline baseline.json"],
];

/** Words behind the program's name, of each command in a file. */
function commandsIn(text: string): string[][] {
  const joined = text.replace(/\\\n\s+/g, " ").replace(/\n\s+(?=--)/g, " ");
  return [...joined.matchAll(/(?:\.|\$GITHUB_ACTION_PATH)\/load-balancer\.ts"? ([a-z][^\n|;#]*)/g)].map(
    ([, words = ""]) =>
      VALUES.reduce((line, [from, to]) => line.replaceAll(from, to), words)
        .replaceAll(/["']/g, "")
        .trim()
        .split(/\s+/),
  );
}

const nothing = { backends: [], scenarios: [], runtimes: [] };
const { signal } = new AbortController();

/** Why the program does not take these words; null: it does. */
async function refused(words: readonly string[]): Promise<string | null> {
  try {
    await dispatch(commands, nothing, [...words, "--print-config"], { env: {}, cwd: "/", print: () => {}, signal });
    return null;
  } catch (error) {
    return errorText(error);
  }
}

for (const file of FILES)
  test(`${file}: every command is one that the program takes`, async (t) => {
    const commands = commandsIn(readFileSync(path.join(root, file), "utf8"));
    t.true(commands.length >= 2, `${commands.length} commands`);
    for (const words of commands) t.is(await refused(words), null, words.join(" "));
  });

test("the action's gate knows the backend that its test ran", (t) => {
  const steps = readFileSync(path.join(root, "action.yml"), "utf8").split("    - name: ");
  for (const step of steps.filter((text) => /load-balancer\.ts" (test|gate)/.test(text)))
    t.regex(step, /BACKEND: \$\{\{ inputs\.backend \}\}[\s\S]*\$\{BACKEND:\+--backend "\$BACKEND"\}/);
});

test("an option that is misspelt, and a value that is none, are found", async (t) => {
  const [one = [], two = []] = commandsIn(
    "- run: ./load-balancer.ts test all --shards 1/3 || true\n- ./load-balancer.ts gate x\n  --alpha=2",
  );
  t.regex((await refused(one)) ?? "", /--shards/);
  t.regex((await refused(two)) ?? "", /--alpha/);
});

test("the shell reads every script of the workflows", async (t) => {
  for (const file of FILES.slice(0, 3)) {
    const scripts = [
      ...readFileSync(path.join(root, file), "utf8").matchAll(/^( *)(?:-|run:|- run:) \|\n((?:\1 +[^\n]*\n|\n)+)/gm),
    ];
    t.true(scripts.length >= 1, file);
    for (const [, , script = ""] of scripts) {
      const { status, stderr } = await outcomeOf(["bash", "-n", "-c", script.replaceAll(/\$\{\{[^}]*\}\}/g, "1")]);
      t.is(status, 0, `${file}: ${stderr}`);
    }
  }
  t.not((await outcomeOf(["bash", "-n", "-c", "if true; then"])).status, 0);
});
