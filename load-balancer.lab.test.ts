// SPDX-License-Identifier: Apache-2.0
// The program as its users and their CI see it: words in, exit codes and files out.
// Over 300 lines: tests of the whole program share its runs.

import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { launchProgram, type ProgramOptions, type RunningProgram, runProgram } from "./harness/host/program.ts";
import { findTool } from "./harness/host/tools.ts";
import type { Event, Summary } from "./harness/record/schema.ts";
import {
  eventually,
  hostState,
  marker,
  networkNamespaces,
  type Outcome,
  orphanedSockets,
  outcomeOf,
  program,
  root,
  runMain,
  wordsOf,
} from "./harness/testing/machine.ts";
import { runCase, untilSufficient } from "./harness/testing/run-case.ts";
import { isSkipped } from "./harness/testing/skip.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-test-"));
chmodSync(scratch, 0o777);
test.after.always(async () => {
  // A test that failed may have left its lab.
  await run(["stop"], { env: { ...process.env, XDG_RUNTIME_DIR: scratch } });
  rmSync(scratch, { recursive: true, force: true });
});

const quick = ["--at", "1 2.5", "--duration", "4", "--connections", "1000"];
const AS_NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const out = (name: string) => path.join(scratch, name);

function run(args: string[], options: ProgramOptions = {}): Promise<Outcome> {
  return runMain(args, { cwd: scratch, timeoutMs: 90_000, ...options });
}

function launch(args: string[], env: NodeJS.ProcessEnv): RunningProgram {
  return launchProgram([program, ...args], { cwd: scratch, env, timeoutMs: 180_000, check: false });
}

for (const [title, args, message] of [
  ["no command", [], /^Name a command: '\.\/load-balancer\.ts help' lists them\.\n$/],
  ["an option without its value", ["test", "nfqueue", "--rate"], /^Option --rate needs a value: .*\n$/],
  [
    "an unknown case",
    ["test", "nfqueue_scal"],
    /^There is no case 'nfqueue_scal'\. Did you mean 'nfqueue_scale', .*\n$/,
  ],
] as const)
  test(`${title} is wrong usage: exit code 2 and a sentence`, async (t) => {
    const { status, stderr, stdout } = await run([...args]);
    t.deepEqual([status, stdout], [2, ""]);
    t.regex(stderr, message);
  });

test("a results folder that cannot be written is exit code 3", async (t) => {
  const { status, stderr } = await run(["test", "nfqueue", "--out", "/proc/results"]);
  t.is(status, 3);
  t.regex(stderr, /Cannot write results to '\/proc\/results'/);
});

test("the program runs through a symlink from any directory", async (t) => {
  const link = out("lb");
  symlinkSync(program, link);
  const { status, stdout } = await outcomeOf([link, "list", "--json"], { cwd: "/" });
  t.is(status, 0);
  const cases = JSON.parse(stdout) as {
    case: string;
    runtimes: Record<string, { can: boolean; reasons: string[]; why: string | null }>;
  }[];
  const { netns } = cases.find((c) => c.case === "nfqueue_scale")?.runtimes ?? {};
  t.deepEqual(netns, { can: true, reasons: [], why: null });
});

/** The program's outcome from a copy of the checkout in a folder of that name. */
function runFrom(name: string, words: string[]): Promise<Outcome> {
  const dir = out(name);
  for (const one of ["load-balancer.ts", "package.json", "harness", "lb", "scenarios"])
    cpSync(path.join(root, one), path.join(dir, one), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), path.join(dir, "node_modules"));
  return outcomeOf([path.join(dir, "load-balancer.ts"), ...words], { cwd: "/", env: { __nvm: "" } });
}

test("the program runs from a folder whose name a URL would misread", async (t) => {
  const { status, stderr } = await runFrom("a b#c%20d:e'f", ["test", "--help"]);
  t.is(status, 0, stderr);
});

for (const name of ["what?", "back\\slash"])
  test(`a checkout at '${name}', from where Node.js loads nothing, is told in a sentence: exit code 3`, async (t) => {
    const { status, stderr } = await runFrom(name, ["version"]);
    t.is(status, 3);
    t.is(
      stderr,
      `Node.js loads no modules from '${out(name)}': rename the folder so that its path has no '?' and no '\\'.\n`,
    );
  });

test("an empty __nvm means the default", async (t) => {
  const { status, stderr } = await run(["test", "nfqueue_scale", "--duration", "10"], {
    env: { ...process.env, __nvm: "", __nrouters: "" },
  });
  t.is(status, 2);
  t.regex(stderr, /last event is at 15 s/, "all that is wrong is the duration");
});

test("what this machine lacks is a skip with its remedy, exit code 77, never a pass", async (t) => {
  // A PATH with node only, and tools hidden in the sbin folders by an empty mount, would need root: fake the look-up instead.
  const bare = out("bare");
  mkdirSync(bare);
  symlinkSync(process.execPath, path.join(bare, "node"));
  for (const tool of ["sh", "readlink", "dirname"])
    symlinkSync((await runProgram(["which", tool])).stdout.trim(), path.join(bare, tool));
  const env = { ...process.env, PATH: bare, LOAD_BALANCER_SBIN: bare };
  const { status, stdout } = await run(["test", "nfqueue", "--out", out("skip")], { env });
  t.is(status, 77, stdout);
  t.regex(stdout, /SKIP nfqueue/);
  t.regex(
    stdout.replace(/\s+/g, " "),
    /'iptables-restore' is not installed. Run '.\/setup', or 'apt-get install iptables'/,
  );
});

function startRun(name: string, args: string[] = ["test", "nfqueue_scale", ...quick]) {
  const mark = marker(name);
  const child = launch([...args, "--out", out(name)], mark.env);
  return { child, ...mark };
}

function phaseSeen(child: RunningProgram, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes(text)) resolve();
    });
    child.ended.finally(() => reject(new Error(`The run ended before '${text}': ${said}`))).catch(() => {});
  });
}

/** Connections of a run's record, while it is written. */
function establishedIn(name: string): number {
  const [id = ""] = existsSync(out(name)) ? readdirSync(out(name)) : [];
  const file = path.join(out(name), id, "events.ndjson");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
  const latest = new Map<string, number>();
  for (const line of lines) {
    const event = JSON.parse(line) as Event;
    if (event.kind === "sample") latest.set(event.stream, event.established);
  }
  return [...latest.values()].reduce((sum, n) => sum + n, 0);
}

const ended = async (child: RunningProgram) => (await child.ended).code;

for (const [phase, delayMs] of [
  ["bringing the lab up", 0],
  ["bringing the lab up", 40],
  ["deploying the balancer", 0],
  ["deploying the balancer", 20],
  ["traffic", 0],
  ["traffic", 1500],
  ["taking the lab down", 0],
  ["analysing", 0],
] as const)
  test.serial(`killed by SIGKILL ${delayMs} ms into '${phase}', it leaves nothing behind`, async (t) => {
    const [before, orphans] = [hostState(), orphanedSockets()];
    const { child, processes } = startRun(`kill-${phase.split(" ")[0]}-${delayMs}`);
    await phaseSeen(child, phase);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const running = processes();
    const gone = ended(child);
    child.kill("SIGKILL");
    await gone;
    t.true(running.length > 0);
    t.true(await eventually(() => processes().length === 0, 3000), `processes left: ${processes().join(" ")}`);
    t.true(networkNamespaces(processes()).size === 0);
    t.true(await eventually(() => orphanedSockets() <= orphans + 100, 10_000), `${orphanedSockets()} orphaned sockets`);
    t.deepEqual(hostState(), before);
  });

test.serial(
  "a server that is killed is no loss of the balancer's: the run ends with an error that names it",
  async (t) => {
    const before = hostState();
    const { child, processes } = startRun("server");
    await phaseSeen(child, "traffic");
    await new Promise((resolve) => setTimeout(resolve, 500));
    const server = processes().find((pid) => ["serve", "vm-003"].every((word) => wordsOf(pid).includes(word)));
    if (!server) return t.fail("no server");
    const code = ended(child);
    process.kill(server, "SIGKILL");
    t.is(await code, 3);
    const { verdict, reasons } = readSummary(t, "server");
    t.deepEqual([verdict, reasons], ["error", ["The server on vm-003 ended by itself (signal 9)."]]);
    t.true(await eventually(() => processes().length === 0, 3000));
    t.deepEqual(hostState(), before);
  },
);

test.serial("interrupted, it keeps what it recorded, says so, exits with 130 and leaves nothing behind", async (t) => {
  const before = hostState();
  const { child, processes } = startRun("interrupt");
  await phaseSeen(child, "traffic");
  t.true(await eventually(() => establishedIn("interrupt") >= 1000, 10_000));
  t.true(networkNamespaces(processes()).size > 10, "the lab has a namespace for each machine while it runs");
  const code = ended(child);
  child.kill("SIGINT");
  t.is(await code, 130);
  t.true(await eventually(() => processes().length === 0, 2000));
  t.deepEqual(hostState(), before);
  const summary = readSummary(t, "interrupt");
  t.is(summary.verdict, "error");
  t.deepEqual(summary.reasons, ["The run was interrupted."]);
  t.true(summary.connections.established >= 1000);
});

test.serial("a full disk in the middle of a run is exit code 3, with a sentence and the record so far", async (t) => {
  if (isSkipped(t, process.geteuid?.() === 0 ? [] : ["Mounting a small file system needs root."])) return;
  const small = out("small-disk");
  mkdirSync(small);
  await runProgram(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", small]);
  try {
    const { status, stderr } = await run(["test", "nfqueue_scale", ...quick, "--out", small]);
    t.is(status, 3, stderr);
    t.regex(stderr, /the disk is full/);
    const [id = ""] = readdirSync(small);
    t.true(readFileSync(path.join(small, id, "events.ndjson"), "utf8").includes('"deployed"'));
  } finally {
    await runProgram(["umount", small]);
  }
});

test.serial("a run is drawn again from its record, byte for byte", async (t) => {
  const args = ["--at", "1", "--duration", "2.5", "--connections", "500"];
  const { status, stderr, dir: runDir } = await runCase(t, "nfqueue_scale_in", args, { out: out("again") });
  t.is(status, 0, stderr);
  const files = [
    "report.html",
    "summary.md",
    "loss.png",
    "connections.png",
    "spread.png",
    "latency.png",
    "junit.xml",
    "ctrf.json",
  ];
  const read = () => files.map((file) => readFileSync(path.join(runDir, file)));
  const first = read();
  for (const file of files) truncateSync(path.join(runDir, file));
  t.is((await run(["report", runDir])).status, 0);
  for (const [i, file] of files.entries()) t.deepEqual(read()[i], first[i], file);
});

test.serial("an ordinary user needs no root", async (t) => {
  const asRoot = process.geteuid?.() === 0;
  if (isSkipped(t, asRoot ? [] : ["The tests do not run as root: every other one runs as an ordinary user."])) return;
  if (isSkipped(t, (await readableByAll()) ? [] : [`User 65534 cannot read '${root}'.`])) return;
  const argv = [...AS_NOBODY, program, "test", "nfqueue_scale", ...quick, "--json", "--out", out("rootless")];
  const { status, summary } = await untilSufficient(t, async () => {
    const { stdout, stderr, ...outcome } = await outcomeOf(argv, { cwd: scratch, env: { HOME: scratch } });
    t.not(stdout, "", stderr);
    return { ...outcome, summary: JSON.parse(stdout) as Summary };
  });
  t.is(status, 0, summary.reasons.join("\n"));
  t.is(summary.verdict, "pass");
});

test.serial("a lab is started, looked at, scaled, used and stopped by hand", async (t) => {
  const before = hostState();
  const mark = marker("session");
  const env = { ...mark.env, XDG_RUNTIME_DIR: scratch };
  const lb = (...args: string[]) => run(args, { env });
  t.is((await lb("status")).status, 3);
  t.regex((await lb("status")).stderr, /No lab is running/);
  const started = await lb("start_nfqueue", "--targets", "3");
  t.is(started.status, 0, started.stderr);
  t.regex(started.stdout, /active +vm-001 vm-002 vm-003/);
  t.is((await lb("start", "nfqueue")).status, 3, "one lab at a time");
  const exec = await lb("exec", "vm-201", "--", "sh", "-c", "hostname; exit 5");
  t.is(exec.stdout, "vm-201\n");
  t.is(exec.status, 5);
  t.is((await lb("exec", "vm-999", "--", "true")).status, 2);
  const connect = [
    "traffic",
    "connect",
    "--address",
    "10.0.0.0:5001",
    "--connections",
    "50",
    "--src",
    "50.0.0.0/16",
    "--output",
    "json",
  ];
  const hosts = async () =>
    Object.keys((JSON.parse((await lb("exec", "vm-221", "--", ...connect)).stdout) as { hosts: object }).hosts).sort();
  t.deepEqual(await hosts(), ["vm-001", "vm-002", "vm-003"]);
  t.regex((await lb("scale", "in", "2")).stdout, /out +vm-002/);
  t.deepEqual(await hosts(), ["vm-001", "vm-003"]);
  t.is((await lb("scale", "in", "1", "3")).status, 2, "one target must remain");
  t.is((await lb("scale", "in", "4")).status, 2);
  t.is((await lb("scale", "out", "2")).status, 0);
  t.deepEqual(await hosts(), ["vm-001", "vm-002", "vm-003"]);
  t.regex((await lb("clean")).stdout, /The running lab was kept/);
  t.is((await lb("stop")).status, 0);
  t.true(await eventually(() => mark.processes().length === 0, 2000));
  t.deepEqual(hostState(), before);
});

test.serial("a keeper outlives what is no request, and long ones", async (t) => {
  const mark = marker("garbage");
  const dir = mkdtempSync(path.join(scratch, "garbage-"));
  const env = { ...mark.env, XDG_RUNTIME_DIR: dir };
  const lb = (...args: string[]) => run(args, { env });
  const folder = path.join(dir, `load-balancer-${process.geteuid?.()}`);
  const socket = path.join(folder, "lab.sock");
  t.is((await lb("start", "nfqueue", "--targets", "2")).status, 0);
  try {
    t.is(statSync(socket).mode & 0o777, 0o600);
    const requests = ["garbage\n", '{"op":"dance"}\n', '{"op":"spawn","machine":"vm-001","argv":[]}\n', "null\n"];
    for (const request of [...requests, "x".repeat(5 << 20)]) {
      const reply = JSON.parse(await answer(socket, request)) as { ok: boolean; usage: boolean; error: string };
      t.like(reply, { ok: false, usage: true });
      t.regex(reply.error, /Invalid request to a lab/);
    }
    const long = "y".repeat(100_000);
    t.is((await lb("exec", "vm-001", "--", "echo", long)).stdout, `${long}\n`);
    const sleeping = launch(["exec", "vm-001", "--", "sh", "-c", "echo up; exec sleep 60"], env);
    const code = ended(sleeping);
    await once(sleeping.stdout, "data");
    sleeping.kill("SIGTERM");
    t.is(await code, 128 + 15);
    chmodSync(folder, 0o755);
    t.is((await lb("status")).status, 3);
    t.regex((await lb("status")).stderr, /not a private folder of this user/);
    chmodSync(folder, 0o700);
  } finally {
    t.is((await lb("stop")).status, 0);
  }
  t.true(await eventually(() => mark.processes().length === 0, 2000));
  t.false(existsSync(folder));
});

function answer(file: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = net.connect(file, () => socket.write(request));
    socket.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    socket.on("end", () => resolve(said)).on("error", reject);
  });
}

test.serial("start, interrupted, takes its lab down and exits with 130", async (t) => {
  const mark = marker("start-interrupt");
  const env = { ...mark.env, XDG_RUNTIME_DIR: mkdtempSync(path.join(scratch, "start-")) };
  const child = launch(["start", "nfqueue", "--targets", "100"], env);
  const code = ended(child);
  t.teardown(async () => {
    child.kill("SIGINT");
    await code;
    await run(["stop"], { env });
  });
  const keeper = () => mark.processes().some((pid) => wordsOf(pid).includes("keep"));
  t.true(await eventually(keeper, 30_000), "the keeper has begun");
  child.kill("SIGINT");
  t.is(await code, 130);
  t.true(await eventually(() => mark.processes().length === 0, 3000));
});

test.serial("backends are compared in one report", async (t) => {
  const dir = out("compare");
  const words = ["--scenario", "scale_in", "--at", "1", "--duration", "3", "--connections", "200", "--targets", "4"];
  const { status, stdout, stderr } = await run(["compare", "ecmp", "nfqueue", ...words, "--json", "--out", dir]);
  t.is(status, 0, stderr);
  t.is((JSON.parse(stdout) as unknown[]).length, 2);
  t.true(existsSync(path.join(dir, readdirSync(dir)[0] ?? "", "compare.html")));
});

test.serial("shards run each case once, are merged, judged by the gate, and not run again by --resume", async (t) => {
  const [first, second, all] = [out("shard-1"), out("shard-2"), out("merged")];
  const cases = [
    "test",
    "nfqueue",
    "ecmp",
    "--connections",
    "200",
    "--targets",
    "4",
    "--reporter",
    "json,junit,github",
  ];
  for (const [i, dir] of [first, second].entries()) {
    const { status, stdout, stderr } = await run([...cases, "--shard", `${i + 1}/2`, "--out", dir]);
    t.is(status, 0, stdout + stderr);
  }
  const merged = await run(["merge", first, second, "--out", all]);
  t.is(merged.status, 0, merged.stderr);
  t.regex(merged.stdout, /2 runs: 2 pass/);
  for (const file of ["index.html", "summary.md", "junit.xml", "ctrf.json", "runs.json"])
    t.true(existsSync(path.join(all, file)));
  const half = await run(["merge", first, "--out", all]);
  t.is(half.status, 4);
  t.regex(half.stdout, /Shard 2 of 2 is missing/);
  const again = await run([...cases, "--shard", "1/2", "--out", first, "--resume"]);
  t.is(again.status, 0);
  t.regex(again.stderr, /done already/);
  t.is(readdirSync(first).filter((name) => name.startsWith("2")).length, 1);
  const [made = ""] = readdirSync(first).filter((name) => name.startsWith("2"));
  const killed = path.join(first, "1-killed");
  cpSync(path.join(first, made), killed, { recursive: true });
  truncateSync(path.join(killed, "events.ndjson"), 3000);
  t.is((await run(["gate", killed])).status, 4, "a record that ends in the middle is no result");
  t.is((await run(["gate", first])).status, 0, "and does not count once the run was made anew");
  const baseline = out("baseline.json");
  t.is((await run(["gate", first, "--baseline", baseline, "--update-baseline"])).status, 0);
  t.is((await run(["gate", first, "--baseline", baseline])).status, 0);
  t.is((await run(["gate", second, "--baseline", baseline])).status, 4, "the baseline's case has no run there");
  const wrong = out("wrong.json");
  writeFileSync(wrong, '{"lossExces": 1}');
  t.is((await run(["gate", first, "--thresholds", wrong])).status, 2);
});

test.serial(
  "a failed run is tried again, ends the rest with --fail-fast, and the live page is gone with the program",
  async (t) => {
    const words = [
      "--backend",
      `${root}lb/broken/sprayer.ts`,
      "--connections",
      "200",
      "--targets",
      "4",
      "--retries",
      "1",
      "--fail-fast",
      "--live",
      "0",
    ];
    const { status, stdout, stderr } = await run([
      "test",
      "broken-sprayer",
      ...words,
      "--repeat",
      "2",
      "--reporter",
      "github,json",
      "--out",
      out("retried"),
    ]);
    t.is(status, 1, stderr);
    t.regex(stderr, /Follow the run at http:\/\/127\.0\.0\.1:\d+\//);
    t.regex(stderr, /broken-sprayer: fail; once more, 1 of 1/);
    t.regex(stdout, /::error title=Missing::broken-sprayer with seed 2 was not run, after the first failure/);
    t.is(readdirSync(out("retried")).filter((name) => name.startsWith("2")).length, 2);
  },
);

test.serial("repeats and a sweep are compared in one report, with the theory beside", async (t) => {
  const dir = out("sweep");
  const words = ["--at", "1", "--duration", "2.2", "--connections", "200", "--rate", "400", "--repeat", "2"];
  const args = [
    "compare",
    "nfqueue",
    "--scenario",
    "scale_in",
    "--sweep",
    "targets=4,8",
    ...words,
    "--json",
    "--out",
    dir,
  ];
  const { status, stdout, stderr } = await run(args);
  // On a busy machine the generator may fall behind, and then a run is no result: the report is what matters here.
  t.true(status === 0 || status === 4, stderr);
  const runs = JSON.parse(stdout) as { targets: number; seed: number }[];
  t.deepEqual(
    runs.map(({ targets, seed }) => [targets, seed]),
    [
      [4, 1],
      [4, 2],
      [8, 1],
      [8, 2],
    ],
  );
  const [made = ""] = readdirSync(dir);
  for (const file of ["sweep.png", "compare.html", "theory.json"]) t.true(existsSync(path.join(dir, made, file)), file);
});

test("ctraffic's statistics are written and analysed", async (t) => {
  const file = out("stats.json");
  const port = 20_000 + (process.pid % 10_000);
  const server = launchProgram([
    `${root}build/traffic`,
    "serve",
    "--name",
    "here",
    "--address",
    "127.0.0.1",
    "--stream-port",
    `${port}`,
    "--connect-port",
    `${port + 1}`,
    "--udp-port",
    `${port + 2}`,
    "--echo-port",
    `${port + 3}`,
  ]);
  try {
    const words = [
      "stream",
      "--address",
      `127.0.0.1:${port}`,
      "--connections",
      "4",
      "--rate",
      "40",
      "--duration",
      "1s",
      "--stats",
      "ctraffic",
    ];
    await runProgram(["sh", "-c", `sleep 0.3; exec "$@" > ${file}`, "sh", `${root}build/traffic`, ...words]);
    t.regex((await run(["analyze", "hosts", file, "--format", "table"])).stdout, /here +\d+ +4/);
    t.regex(
      (await run(["analyze", "hosts", file])).stdout,
      /^Lost connections: \d+\n(.*\n)*Lasting connections: 4\n {2}here 4\n$/,
    );
    t.is((await run(["analyze", "hosts", path.join(root, "package.json")])).status, 2);
  } finally {
    server.kill();
  }
});

test.serial("with --no-stop the lab stays up until 'stop', and then the report is made", async (t) => {
  const env = { ...process.env, XDG_RUNTIME_DIR: scratch };
  const args = [
    "test",
    "nfqueue",
    "--no-stop",
    "--connections",
    "100",
    "--targets",
    "2",
    "--json",
    "--out",
    out("no-stop"),
  ];
  const child = launch(args, env);
  const code = ended(child);
  await phaseSeen(child, "The lab stays up");
  t.is((await run(["exec", "vm-002", "--", "hostname"], { env })).stdout, "vm-002\n");
  t.is((await run(["stop"], { env })).status, 0);
  t.is(await code, 0);
  t.is(readSummary(t, "no-stop").verdict, "pass");
});

test.serial("a lab whose keeper is killed is gone, and clean says what it found", async (t) => {
  const mark = marker("keeper");
  const env = { ...mark.env, XDG_RUNTIME_DIR: scratch };
  t.is((await run(["start", "nfqueue", "--targets", "2"], { env })).status, 0);
  const { pid } = JSON.parse((await run(["status", "--json"], { env })).stdout) as { pid: number };
  process.kill(pid, "SIGKILL");
  t.true(await eventually(() => mark.processes().length === 0, 3000));
  t.regex((await run(["clean"], { env })).stdout, /Removed the socket of an ended lab/);
  t.regex((await run(["clean"], { env })).stdout, /Nothing to remove/);
});

test.serial("no packet of the lab reaches the host's interfaces", async (t) => {
  const can = process.geteuid?.() === 0 && (await findTool("tcpdump", "tcpdump")) === null;
  if (isSkipped(t, can ? [] : ["Seeing the host's packets needs root and tcpdump. Run './setup --test'."])) return;
  const words = [
    "-i",
    "any",
    "-n",
    "-l",
    "-p",
    "net 50.0.0.0/16 or host 10.0.0.0 or net 2000::/112 or host 1000:: or net 192.168.1.0/24 or net 192.168.2.0/24",
  ];
  const outside = watchPackets("tcpdump", words);
  await outside.listening;
  // The same look at the tester of a lab that is up: it would see them.
  const env = { ...process.env, XDG_RUNTIME_DIR: scratch };
  t.is((await run(["start", "nfqueue", "--targets", "2"], { env })).status, 0);
  try {
    const inside = watchPackets(program, ["exec", "vm-221", "--", "tcpdump", ...words], env);
    await inside.listening;
    const connect = [
      "traffic",
      "connect",
      "--address",
      "10.0.0.0:5001",
      "--connections",
      "100",
      "--src",
      "50.0.0.0/16",
      "--output",
      "json",
    ];
    t.is((await run(["exec", "vm-221", "--", ...connect], { env })).status, 0);
    t.true(await eventually(() => inside.lines() > 400, 5000), `${inside.lines()} packets seen in the lab`);
    inside.child.kill();
  } finally {
    await run(["stop"], { env });
    outside.child.kill();
  }
  t.is(outside.lines(), 0);
});

function watchPackets(command: string, words: string[], env = process.env) {
  const child = launchProgram([command, ...words], { env, timeoutMs: 180_000, check: false });
  let seen = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString().split("\n").length - 1;
  });
  const listening = new Promise<void>((resolve, reject) => {
    child.stderr.on("data", (chunk: Buffer) => {
      if (chunk.toString().includes("listening on")) resolve();
    });
    child.ended.finally(() => reject(new Error(`${command} ended before it listened`))).catch(() => {});
  });
  return { child, listening, lines: () => seen };
}

function readSummary(t: ExecutionContext, name: string): Summary {
  const [id] = readdirSync(out(name));
  const file = path.join(out(name), id ?? "", "summary.json");
  t.true(existsSync(file));
  return JSON.parse(readFileSync(file, "utf8")) as Summary;
}

async function readableByAll(): Promise<boolean> {
  const { status } = await outcomeOf([
    ...AS_NOBODY,
    "sh",
    "-c",
    `test -r ${root}package.json && test -x ${root}build/agent`,
  ]);
  return status === 0;
}
