// SPDX-License-Identifier: Apache-2.0
// What a user types, as far as nothing is started: in this process, so that hundreds of command lines take seconds.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { configJsonSchema } from "./harness/cli/config.ts";
import { dispatch } from "./harness/cli/dispatch.ts";
import { errorText, exitCodeOfError } from "./harness/cli/main.ts";
import { commands } from "./harness/commands/index.ts";
import { runProgram } from "./harness/host/program.ts";
import { docker } from "./harness/runtime/docker.ts";
import { netns } from "./harness/runtime/netns.ts";
import { swarm } from "./harness/runtime/swarm.ts";
import { vm } from "./harness/runtime/vm.ts";
import { backends } from "./lb/index.ts";
import { scenarios } from "./scenarios/index.ts";

const cwd = mkdtempSync(path.join(tmpdir(), "load-balancer-usage-"));
test.after.always(() => rmSync(cwd, { recursive: true, force: true }));

const catalog = { backends, scenarios, runtimes: [netns, docker, vm, swarm] };
const { signal } = new AbortController();

/** The program, with the words behind its name. */
async function run(words: readonly string[], env: Record<string, string> = {}, folder = cwd) {
  let stdout = "";
  const print = (text: string) => {
    stdout += text;
  };
  try {
    const code = await dispatch(commands, catalog, words, { env, cwd: folder, print, signal });
    return { code, stdout, stderr: "" };
  } catch (error) {
    return { code: exitCodeOfError(error, signal), stdout, stderr: errorText(error) };
  }
}

const wrong = readFileSync(path.join(import.meta.dirname, "harness/testing/cases/wrong-usage.txt"), "utf8")
  .replaceAll("FARMS", path.join(import.meta.dirname, "harness/testing/cases"))
  .split(/^\$ ?/m)
  .slice(1)
  .map((text) => text.split("\n    ").map((line) => line.trim()));

test("more than two hundred wrong usages are known", (t) => t.true(wrong.length > 200));

for (const [words = "", sentence = ""] of wrong)
  test(`wrong usage: ${words || "no word at all"}`, async (t) => {
    t.deepEqual(await run(words.split(" ").filter((word) => word !== "")), { code: 2, stdout: "", stderr: sentence });
  });

test("values of the environment are named with their variable, and trimmed", async (t) => {
  const refused = (env: Record<string, string>) => run(["test", "nfqueue"], env);
  t.is(
    (await refused({ __nvm: "abc" })).stderr,
    "Invalid value 'abc' for __nvm (environment): expected a whole number (targets).",
  );
  t.is(
    (await refused({ __nrouters: "99" })).stderr,
    "Invalid value '99' for __nrouters (environment): expected a whole number from 1 to 9 (routers).",
  );
  const { stdout } = await run(["test", "nfqueue", "--print-config"], { __nvm: "4 ", __nrouters: "", __kver: "  " });
  t.regex(stdout, /^targets +4 +environment$/m);
  t.regex(stdout, /^routers +default$/m);
  t.regex(stdout, /^kernel +default$/m);
  t.is((await run(["test", "nfqueue", "--targets", "5", "--print-config"], { __nvm: "abc" })).code, 0);
});

test.serial("a backend's option that a variable sets wrongly is named with the variable", async (t) => {
  process.env.xcluster_FRAG = "maybe";
  try {
    const { code, stderr } = await run(["test", "nfqueue"]);
    t.is(code, 2);
    t.is(stderr, "Invalid value 'maybe' for 'fragments' (environment: xcluster_FRAG): expected true or false.");
  } finally {
    delete process.env.xcluster_FRAG;
  }
});

test.serial("variables in force are named before a run, and those that --set overrides are not", async (t) => {
  const said: string[] = [];
  const { write } = process.stderr;
  process.stderr.write = (text: string | Uint8Array) => said.push(String(text)) > 0;
  process.env.xcluster_SYN_ONLY = "yes";
  try {
    await run(["test", "nfqueue", "--dry-run"], { __nvm: "5" });
    await run(["test", "nfqueue", "--dry-run", "--targets", "4", "--set", "synOnly=false"], { __nvm: "5" });
  } finally {
    process.stderr.write = write;
    delete process.env.xcluster_SYN_ONLY;
  }
  t.deepEqual(said, ["nfqueue: from the environment: __nvm=5 xcluster_SYN_ONLY=yes\n"]);
});

test("help and version in all their forms", async (t) => {
  const { version } = JSON.parse(readFileSync(path.join(import.meta.dirname, "package.json"), "utf8")) as {
    version: string;
  };
  for (const form of ["version", "-v", "--version"])
    t.regex((await run([form])).stdout, new RegExp(`^${version.replaceAll(".", "\\.")}( \\([0-9a-f]{7,12}\\))?\n$`));
  const all = await run(["help"]);
  t.regex(all.stdout, /Exit codes: 0 passed/);
  for (const form of ["-h", "--help"]) t.deepEqual(await run([form]), all);
  const one = await run(["help", "gate"]);
  for (const words of [
    ["gate", "--help"],
    ["gate", "-h"],
    ["-h", "gate"],
    ["gate", "--help", "--nonsense=1"].slice(0, 2),
  ])
    t.deepEqual(await run(words), one);
});

test("every command has help with groups and an example, and none is wider than 100 columns", async (t) => {
  for (const { name, hidden } of commands) {
    const { code, stdout } = await run(["help", name]);
    t.is(code, 0);
    if (!hidden) t.regex(stdout, /\nGeneral:\n[\s\S]*\nExamples:\n {2}\.\/load-balancer.ts/, name);
    for (const line of stdout.split("\n"))
      if (!line.startsWith("  ./load-balancer.ts")) t.true(line.length <= 100, line);
  }
  t.false((await run(["help"])).stdout.includes("keep"));
});

test("docs/command-line.md says what the commands say", async (t) => {
  const file = path.join(import.meta.dirname, "docs/command-line.md");
  const { stdout } = await run(["help", "--markdown"]);
  t.is(readFileSync(file, "utf8"), stdout, "Run: ./load-balancer.ts help --markdown > docs/command-line.md");
});

const folderWith = (files: Record<string, string>) => {
  const folder = mkdtempSync(path.join(cwd, "config-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
};
const inForce = async (words: string[], folder: string, env = {}) => {
  const { code, stdout, stderr } = await run([...words, "--print-config", "--json"], env, folder);
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Record<string, { value: unknown; from: string }>;
};

test("the command line wins over a named case, that over the file, that over the environment, that over defaults", async (t) => {
  const name = "load-balancer.config.json";
  const folder = folderWith({
    [name]: JSON.stringify({
      options: { targets: 20, rate: "2k", "fail-fast": true, metrics: "requests", at: [3, "6s"] },
      cases: { nightly: { case: ["nfqueue_scale", "ecmp"], targets: 100, set: "M=997" } },
    }),
  });
  const env = { __nvm: "7", __nrouters: "2" };
  const nightly = await inForce(["test", "nightly", "--rate", "5k"], folder, env);
  t.deepEqual(nightly.targets, { value: 100, from: `${name}, cases.nightly` });
  t.deepEqual(nightly.rate, { value: 5000, from: "command line" });
  t.deepEqual(nightly["fail-fast"], { value: true, from: `${name}, options` });
  t.deepEqual(nightly.at, { value: [3, 6], from: `${name}, options` });
  t.deepEqual(nightly.set, { value: ["M=997"], from: `${name}, cases.nightly` });
  t.deepEqual(nightly.routers, { value: 2, from: "environment" });
  t.deepEqual(nightly.seed, { value: 1, from: "default" });
  t.deepEqual((await inForce(["test", "nfqueue"], folder, env)).targets, { value: 20, from: `${name}, options` });
  const bench = await inForce(["bench"], folder);
  t.deepEqual(bench.metrics, { value: ["requests"], from: `${name}, options` });
  const mixed = await run(["test", "nightly", "ecmp"], {}, folder);
  t.is(mixed.stderr, `'nightly' is a case of '${name}' with options of its own: it must be run alone.`);
});

test("--print-config needs no case, and shows a table without --json", async (t) => {
  const { code, stdout } = await run(["test", "--print-config", "--rate", "2k", "--no-stop"]);
  t.is(code, 0);
  t.regex(stdout, /^rate +2000 +command line$/m);
  t.regex(stdout, /^stop +false +command line$/m);
  t.regex(stdout, /^scale +1 2 +default$/m);
});

test("a configuration file may be TypeScript, or named", async (t) => {
  const folder = folderWith({
    "load-balancer.config.ts": "const targets: number = 30;\nexport default { options: { targets } };\n",
    "other.json": '{"options": {"targets": 40}}',
  });
  t.is((await inForce(["test", "nfqueue"], folder)).targets?.value, 30);
  const other = await inForce(["test", "nfqueue", "--config", "other.json"], folder);
  t.deepEqual(other.targets, { value: 40, from: "other.json, options" });
});

for (const [content, sentence] of [
  ["{", /^Cannot read the configuration file 'load-balancer\.config\.json': .*JSON/],
  ["[]", "Configuration file 'load-balancer.config.json': expected an object with 'options' and 'cases'."],
  [
    '{"option": {}}',
    "Configuration file 'load-balancer.config.json': there is no key 'option'. Did you mean 'options'?",
  ],
  ['{"options": 3}', "Configuration file 'load-balancer.config.json': 'options' must be an object of options."],
  ['{"cases": []}', "Configuration file 'load-balancer.config.json': 'cases' must be an object of named cases."],
  [
    '{"options": {"target": 3}}',
    "Configuration file 'load-balancer.config.json': there is no option 'options.target'. Did you mean 'targets'?",
  ],
  [
    '{"options": {"targets": "many"}}',
    "Configuration file 'load-balancer.config.json': Invalid value 'many' for 'options.targets': expected a whole number from 1 to 1000 (targets).",
  ],
  [
    '{"options": {"json": 5}}',
    "Configuration file 'load-balancer.config.json': Invalid value '5' for 'options.json': expected true or false.",
  ],
  [
    '{"options": {"config": "x"}}',
    "Configuration file 'load-balancer.config.json': there is no option 'options.config'.",
  ],
  [
    '{"cases": {"x": {"targets": 3}}}',
    "Configuration file 'load-balancer.config.json': 'cases.x' must be an object with a 'case'.",
  ],
  [
    '{"cases": {"x": {"case": 7}}}',
    "Configuration file 'load-balancer.config.json': Invalid value '7' for 'cases.x.case': expected the name of a case, or several.",
  ],
  [
    '{"cases": {"x": {"case": "ecmp", "sweep": "targets=1,2"}}}',
    "Configuration file 'load-balancer.config.json': there is no option 'cases.x.sweep'. Did you mean 'seed'?",
  ],
  [
    '{"cases": {"x": {"case": "ecmp", "rate": -1}}}',
    "Configuration file 'load-balancer.config.json': Invalid value '-1' for 'cases.x.rate': expected a number above 0 and at most 10000000 (messages per second).",
  ],
] as const)
  test(`a wrong configuration file is named with its key: ${content}`, async (t) => {
    const { code, stderr } = await run(["test", "ecmp"], {}, folderWith({ "load-balancer.config.json": content }));
    t.is(code, 2);
    if (typeof sentence === "string") t.is(stderr, sentence);
    else t.regex(stderr, sentence);
  });

test("the configuration file has a JSON Schema with every option that it may hold", (t) => {
  const schema = configJsonSchema(commands) as {
    properties: {
      options: { properties: Record<string, unknown> };
      cases: { additionalProperties: { required: string[] } };
    };
  };
  const { properties } = schema.properties.options;
  t.deepEqual(properties.protocol, {
    type: "string",
    enum: ["tcp", "udp", "sctp"],
    description: "transport protocol of the traffic",
  });
  t.like(properties.targets, { anyOf: [{ type: "integer", minimum: 1, maximum: 1000 }, { type: "string" }] });
  t.true("fail-fast" in properties && "update-baseline" in properties && !("print-config" in properties));
  t.deepEqual(schema.properties.cases.additionalProperties.required, ["case"]);
});

test("bash completes commands, options, cases, backends and values", async (t) => {
  const script = path.join(cwd, "completion.bash");
  const { stdout } = await run(["completion", "bash"]);
  writeFileSync(script, stdout);
  const complete = async (...words: string[]) => {
    const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _load_balancer; printf "%s\\n" "\${COMPREPLY[@]}"`;
    const argv = ["bash", "-c", program, "bash", script, "load-balancer.ts", ...words];
    const { stdout: lines } = await runProgram(argv, { cwd: import.meta.dirname });
    return lines.split("\n").filter((word) => word !== "");
  };
  t.deepEqual(await complete("st"), ["start", "stop", "status"]);
  t.deepEqual(await complete("test", "nfqueue_sc"), [
    "nfqueue_scale",
    "nfqueue_scale_in",
    "nfqueue_scale_out",
    "nfqueue_scale_lb",
  ]);
  t.deepEqual(await complete("test", "ecmp", "--re"), [
    "--requests",
    "--reorder",
    "--repeat",
    "--reporter",
    "--retries",
    "--resume",
  ]);
  t.deepEqual(await complete("test", "ecmp", "--no"), ["--no-stop"]);
  t.deepEqual(await complete("test", "ecmp", "--family", ""), ["4", "6", "both"]);
  t.deepEqual(await complete("test", "ecmp", "--runtime", "v"), ["vm"]);
  t.deepEqual(await complete("compare", "ecmp", "--scenario", "scale_"), ["scale_in", "scale_out", "scale_lb"]);
  t.deepEqual(await complete("start", "kee"), ["keepalived"]);
  t.deepEqual(await complete("scale", ""), ["in", "out"]);
  t.deepEqual(await complete("help", "ma"), ["matrix", "maglev"]);
  t.deepEqual(await complete("test", "ecmp", "--out", "scen"), ["scenarios"]);
  t.deepEqual(await complete("analyze", "hosts", "package.j"), ["package.json"]);
  t.deepEqual(await complete("nonsense", ""), []);
});

test("zsh gets the same through its bashcompinit", async (t) => {
  const [bash, zsh] = [await run(["completion", "bash"]), await run(["completion", "zsh"])];
  const body = (text: string) => text.slice(text.indexOf("_load_balancer()"));
  t.is(body(zsh.stdout), body(bash.stdout));
  t.regex(zsh.stdout, /^#compdef load-balancer\.ts/);
});
