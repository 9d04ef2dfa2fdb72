// SPDX-License-Identifier: Apache-2.0
// The way of an author: a file is written, works, is checked; a proxy that does not count is told what it has to count.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { root, runMain } from "../testing/machine.ts";

const cwd = mkdtempSync(path.join(tmpdir(), "load-balancer-author-"));
test.after.always(() => rmSync(cwd, { recursive: true, force: true }));
const lb = (...words: string[]) => runMain(words, { cwd });
const flat = (text: string) => text.replace(/\s+/g, " ");

test.serial("backend new writes a file that backend check finds to work, and overwrites none", async (t) => {
  const written = await lb("backend", "new", "mine");
  t.is(written.status, 0, written.stderr);
  t.regex(readFileSync(path.join(cwd, "mine.ts"), "utf8"), /name: "mine",/);
  t.regex((await lb("backend", "new", "mine")).stderr, /^Cannot write '.*mine\.ts': .*exists/);
  const { status, stdout, stderr } = await lb("backend", "check", "./mine.ts");
  t.is(status, 0, stderr + stdout);
  t.regex(stdout, /^'\.\/mine\.ts' defines 'mine': /);
  t.regex(
    flat(stdout),
    /Runs: - mine: pass; report: \S+report\.html - mine_scale: unjudged; scale in: \d+ of 200 lost, ideal 100/,
  );
  t.regex(flat(stdout), /It lacks: - an oracle: losses are measured/);
  for (const [, report = ""] of flat(stdout).matchAll(/report: (\S+report\.html)/g))
    t.true(existsSync(path.join(cwd, report)), report);
});

test.serial("backend check names what breaks", async (t) => {
  const text = readFileSync(path.join(cwd, "mine.ts"), "utf8");
  writeFileSync(
    path.join(cwd, "none.ts"),
    text.replace("await setTargets(active);", "").replaceAll('"mine"', '"none"'),
  );
  const { status, stdout } = await lb("backend", "check", "none.ts");
  t.is(status, 1, stdout);
  t.regex(flat(stdout), /Runs: - none: fail; /);
  writeFileSync(path.join(cwd, "wrong.ts"), text.replace("router(", "rooter("));
  t.is((await lb("backend", "check", "wrong.ts")).status, 2);
});

const PROXY = readFileSync(path.join(root, "images/example/proxy.ts"), "utf8");
const words = [
  "--targets",
  "2",
  "--connections",
  "60",
  "--rate",
  "300",
  "--at",
  "2 3",
  "--duration",
  "4",
  "--scale",
  "1",
];
const runProxy = (name: string, text: string) => {
  writeFileSync(path.join(cwd, `${name}.ts`), text.replaceAll('"my-proxy"', `"${name}"`));
  return lb("test", `${name}_scale`, "--backend", `${name}.ts`, ...words);
};

test.serial("the proxy of the examples passes, and accounts for its packets", async (t) => {
  const { status, stdout } = await runProxy("counted", PROXY);
  t.is(status, 0, stdout);
  t.regex(flat(stdout), /ended at the proxy, which sent [\d,]+, [\d,]+ received and 0 unaccounted/);
  t.regex(stdout, /\n1 run: 1 pass\n$/);
});

test.serial("a proxy that does not count is told so, and one that says so is let go", async (t) => {
  const silent = PROXY.replace("    counters: () => relayed(router),\n", "");
  t.not(silent, PROXY);
  const { status, stdout } = await runProxy("silent", silent);
  t.is(status, 1, stdout);
  t.regex(
    flat(stdout),
    /targets received [\d,]+ packets? more than the tester sent \([\d,]+\): a proxy must count relay\.in and relay\.out, or say `accounts: false`/,
  );
  t.notRegex(stdout, /-[\d,]+ unaccounted/);
  const frank = await runProxy(
    "frank",
    silent.replace('protocols: ["tcp"],', 'protocols: ["tcp"],\n    accounts: false,'),
  );
  t.is(frank.status, 0, frank.stdout);
  t.regex(flat(frank.stdout), /received and not accounted for, as the backend says/);
});
