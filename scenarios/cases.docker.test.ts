// SPDX-License-Identifier: Apache-2.0
// The docker runtime with a real engine: the same records as netns, images and backends of one's own, and nothing left behind.
// Over 300 lines: tests of one engine, which starts once.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { launchProgram, type RunningProgram, runProgram } from "../harness/host/program.ts";
import type { Summary } from "../harness/record/schema.ts";
import { docker } from "../harness/runtime/docker.ts";
import { buildDir } from "../harness/runtime/netns.ts";
import { someOf } from "../harness/testing/alike.ts";
import { typesOldNames } from "../harness/testing/by-hand.ts";
import {
  buildImage,
  client,
  labelled,
  proxyTo,
  soon,
  soonGone,
  startedContainers,
} from "../harness/testing/containers.ts";
import { type TestEngine, testEngine } from "../harness/testing/engine.ts";
import {
  eventually,
  hostState,
  marker,
  outcomeOf,
  outcomes,
  program,
  root,
  runMain,
} from "../harness/testing/machine.ts";
import { rackTests } from "../harness/testing/rack-tests.ts";
import { runCase } from "../harness/testing/run-case.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { swarmTests } from "../harness/testing/swarm-tests.ts";
import { planTopology } from "../harness/topology/topology.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-docker-"));
const never = new AbortController().signal;
const small = ["--targets", "3", "--connections", "300", "--rate", "1200", "--at", "0.5", "--duration", "1.5"];
let engine: TestEngine;

test.before(async () => {
  engine = await testEngine();
});
test.after.always(async () => {
  await engine.stop();
  rmSync(scratch, { recursive: true, force: true });
});

/** A test that needs the engine; without one it says why and does nothing. */
function withEngine(title: string, action: (t: ExecutionContext) => Promise<void>): void {
  test.serial(title, async (t) => {
    if (!isSkipped(t, engine.skip === null ? [] : [engine.skip])) await action(t);
  });
}

const outDir = (name: string) => path.join(scratch, name);

function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  return runMain(args, { cwd: scratch, env, timeoutMs: 120_000 });
}

const runOn = (t: ExecutionContext, runtime: string, name: string, args: readonly string[]) =>
  runCase(t, name, ["--runtime", runtime, ...args], { out: outDir(`${name}-${runtime}-${process.hrtime.bigint()}`) });

withEngine(
  "machines have their addresses, their own file systems, and no more capabilities than their role needs",
  async (t) => {
    const before = hostState();
    const lab = await docker.up(planTopology({ targets: 3, routers: 2 }), never);
    try {
      const status = async (name: string) => (await lab.host(name).exec(["@read", "/proc/self/status"])).stdout;
      const capabilities = async (name: string) =>
        Number.parseInt((await status(name)).match(/CapBnd:\s*(\w+)/)?.[1] ?? "", 16);
      const [netAdmin, netRaw] = [2 ** 12, 2 ** 13];
      t.is(await capabilities("vm-001"), 0);
      t.is(await capabilities("vm-221"), netRaw);
      t.is(await capabilities("vm-201"), netAdmin + netRaw);
      t.not((await lab.host("vm-201").exec(["test", "-e", "/dev/net/tun"], { check: false })).code, 0);
      const { stdout } = await lab.host("vm-002").exec(["sh", "-c", "hostname; ip -br -4 addr; ip route; ip -6 route"]);
      t.regex(stdout, /^vm-002\n/);
      t.regex(stdout, /eth1@\S+ +UP +192\.168\.1\.2\/24/);
      t.regex(stdout, /nexthop via 192\.168\.1\.202/);
      t.regex(stdout, /nexthop via 1000::1:c0a8:1ca/);
      await lab.host("vm-001").exec(["sh", "-c", "echo 1 > /run/mine"]);
      t.not((await lab.host("vm-002").exec(["ls", "/run/mine"], { check: false })).code, 0);
      await t.throwsAsync(lab.host("vm-001").exec(["false"]), {
        message: /in machine 'vm-001' failed with exit code 1/,
      });
      t.is((await labelled()).length, 7);
    } finally {
      await lab[Symbol.asyncDispose]();
    }
    t.is((await labelled()).length, 0);
    t.deepEqual(hostState().interfaces, before.interfaces);
  },
);

for (const [name, args] of [
  ["nfqueue", []],
  ["nfqueue_scale", ["--rate", "2500", "--at", "1 2", "--duration", "3"]],
  ["nfqueue_scale_lb", ["--rate", "2500", "--at", "1 2", "--duration", "3"]],
] as const)
  withEngine(`${name}: the same connections, predictions and losses in docker as in netns`, async (t) => {
    const here = await runOn(t, "netns", name, [...args, "--connections", "1000"]);
    const there = await runOn(t, "docker", name, [...args, "--connections", "1000"]);
    t.is(there.status, 0, there.summary.reasons.join("\n"));
    t.is(there.summary.runtime, "docker");
    t.deepEqual(outcomes(there.dir), outcomes(here.dir));
    const events = ({ events: all }: Summary) =>
      all.map(({ kind, machines, alive, lost, predicted }) => ({ kind, machines, alive, lost, predicted }));
    t.deepEqual(events(there.summary), events(here.summary));
    t.deepEqual(there.summary.spread.perTarget, here.summary.spread.perTarget);
  });

withEngine("BPF programs are loaded by routers that are given the capabilities, and skipped by others", async (t) => {
  const unbuilt = "'xdp-lb' is not built: that takes clang and libbpf-dev. Run './setup'.";
  if (isSkipped(t, existsSync(path.join(buildDir, "xdp-lb")) ? [] : [unbuilt])) return;
  const given = ["SYS_ADMIN", "IPC_LOCK"].flatMap((name) => ["--capability", name]);
  const without = await runOn(t, "docker", "xdp_user_scale_in", small);
  t.is(without.status, 77, without.stderr);
  t.regex(without.summary.reasons.join(" "), /needs CAP_SYS_ADMIN and CAP_IPC_LOCK.*--capability SYS_ADMIN/);
  for (const name of ["tc_scale_in", "xdp_user_scale_in"]) {
    const { status, summary } = await runOn(t, "docker", name, [...small, "--scale", "1", ...given]);
    t.is(status, 0, summary.reasons.join("\n"));
  }
  t.is((await labelled()).length, 0);
});

withEngine("fragments keep together in containers: routers that need a tun device are given it", async (t) => {
  const args = ["--targets", "3", "--routers", "2", "--duration", "2", "--connections", "500"];
  const { status, summary, stderr } = await runOn(t, "docker", "nfqueue_frag", args);
  if (existsSync("/dev/net/tun")) t.is(status, 0, `${summary.reasons.join("\n")}${stderr}`);
  else t.regex(summary.reasons.join(), /There is no \/dev\/net\/tun to give/);
});

withEngine("a backend from a file and an image of one's own are tested like ours", async (t) => {
  const file = outDir("ecmp.ts");
  cpSync(`${root}images/example/ecmp.ts`, file);
  const images = await client().listImages();
  const base = images.flatMap((i) => i.RepoTags ?? []).find((tag) => tag.startsWith("load-balancer/router:")) ?? "";
  // An image of one's own that has ip(8) and, as any other, none of our programs.
  await buildImage("load-balancer-test/own:1", [`FROM ${base}`, "RUN rm -r /opt/load-balancer"], outDir("own"));
  try {
    const own = ["router", "target", "tester"].flatMap((role) => ["--image", `${role}=load-balancer-test/own:1`]);
    const {
      status,
      summary,
      dir: runDir,
    } = await runOn(t, "docker", "my-ecmp_scale_in", ["--backend", file, ...own, ...small, "--scale", "1"]);
    t.is(status, 0, summary.reasons.join("\n"));
    t.regex(readFileSync(path.join(runDir, "events.ndjson"), "utf8"), /"router":"load-balancer-test\/own:1"/);
    const { status: here } = await runOn(t, "netns", "my-ecmp_scale_in", ["--backend", file, ...small, "--scale", "1"]);
    t.is(here, 0);
  } finally {
    await client().getImage("load-balancer-test/own:1").remove();
  }
});

withEngine("a checkout with a colon in its path: its programs are mounted into an image of one's own", async (t) => {
  const checkout = outDir("a:b");
  mkdirSync(path.join(checkout, "build"), { recursive: true });
  for (const name of [
    "load-balancer.ts",
    "package.json",
    "Makefile",
    "common.mk",
    "bpf.mk",
    "program.mk",
    "harness",
    "lb",
    "scenarios",
    "images",
  ])
    cpSync(path.join(root, name), path.join(checkout, name), { recursive: true });
  symlinkSync(path.join(root, "node_modules"), path.join(checkout, "node_modules"));
  for (const entry of readdirSync(buildDir, { withFileTypes: true }))
    if (entry.isFile()) cpSync(path.join(buildDir, entry.name), path.join(checkout, "build", entry.name));
  await buildImage("load-balancer-test/colon:1", ["FROM scratch", "COPY Dockerfile /Dockerfile"], outDir("colon"));
  try {
    const image = ["--image", "target=load-balancer-test/colon:1", "--targets", "2", "--connections", "100"];
    const { status, stdout, stderr } = await outcomeOf([
      path.join(checkout, "load-balancer.ts"),
      "test",
      "nfqueue",
      "--runtime",
      "docker",
      "--out",
      outDir("colon-out"),
      ...image,
    ]);
    t.is(status, 0, `${stdout}${stderr}`);
  } finally {
    await client().getImage("load-balancer-test/colon:1").remove();
  }
});

withEngine("an image without a shell and without ip runs as a target", async (t) => {
  await buildImage("load-balancer-test/empty:1", ["FROM scratch", "COPY Dockerfile /Dockerfile"], outDir("empty"));
  try {
    const image = ["--image", "target=load-balancer-test/empty:1"];
    const { status, summary } = await runOn(t, "docker", "nfqueue", [
      ...image,
      "--targets",
      "3",
      "--connections",
      "300",
    ]);
    t.is(status, 0, summary.reasons.join("\n"));
    const asRouter = await runOn(t, "docker", "nfqueue", [
      "--image",
      "router=load-balancer-test/empty:1",
      "--targets",
      "3",
    ]);
    t.is(asRouter.status, 3);
    t.regex(asRouter.summary.reasons.join(" "), /Cannot run 'ip': No such file/);
    t.is((await labelled()).length, 0);
  } finally {
    await client().getImage("load-balancer-test/empty:1").remove();
  }
});

withEngine("an image that is nowhere is exit code 3 and a sentence", async (t) => {
  const { status, summary } = await runOn(t, "docker", "nfqueue", [
    "--image",
    "router=localhost:9/nowhere:1",
    "--targets",
    "2",
  ]);
  t.is(status, 3);
  t.regex(summary.reasons.join(" "), /no image 'localhost:9\/nowhere:1' in the engine, and it cannot be pulled/);
  t.is((await labelled()).length, 0);
});

withEngine("two runs at the same time do not disturb each other", async (t) => {
  const once = () => runOn(t, "docker", "nfqueue_scale_in", [...small, "--scale", "1"]);
  for (const { status, summary } of await Promise.all([once(), once()])) t.is(status, 0, summary.reasons.join("\n"));
  t.is((await labelled()).length, 0);
});

withEngine("what a dead run left is removed by clean; what lives, and what is not ours, is left alone", async (t) => {
  const lab = await docker.up(planTopology({ targets: 1, routers: 1 }), never);
  t.teardown(() => lab[Symbol.asyncDispose]());
  const { Image = "", Labels = {} } = (await labelled())[0] ?? {};
  const owner = JSON.parse(Labels["load-balancer.owner"] ?? "{}") as object;
  const make = (name: string, labels: Record<string, string>) =>
    client().createContainer({ name: `${name}-${process.pid}`, Image, Cmd: ["none"], Labels: labels });
  const dead = { "load-balancer.run": "dead", "load-balancer.owner": JSON.stringify({ ...owner, started: "1" }) };
  const elsewhere = { "load-balancer.run": "far", "load-balancer.owner": JSON.stringify({ ...owner, host: "far" }) };
  const [left, far, foreign] = await Promise.all([make("left", dead), make("far", elsewhere), make("foreign", {})]);
  try {
    t.regex((await run(["clean"])).stdout, /Removed container 'left-\d+' of an ended lab/);
    await t.throwsAsync(left.inspect());
    await t.notThrowsAsync(far.inspect());
    await t.notThrowsAsync(foreign.inspect());
    t.is((await lab.host("vm-001").exec(["true"])).code, 0);
  } finally {
    await Promise.allSettled([left, far, foreign].map((container) => container.remove({ force: true })));
  }
});

function startRun(name: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const mark = marker(name);
  const child = launchProgram([program, ...args, "--runtime", "docker", "--out", outDir(name)], {
    cwd: scratch,
    env: { ...mark.env, ...env },
    timeoutMs: 300_000,
    check: false,
  });
  return { child, ...mark };
}

const ended = async (child: RunningProgram) => (await child.ended).code;

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

/** Old engines miss a container's end once in some hundred times, and never answer for it again: not ours, if nothing of it lives. */
async function engineLostCount(t: ExecutionContext): Promise<void> {
  const started = await startedContainers();
  t.deepEqual(
    started.filter(({ alive }) => alive),
    [],
  );
  t.log(
    `No process of ${started.map(({ name }) => name).join(", ")} lives, but the engine lists them: it is started anew.`,
  );
  if (!engine.restart) return t.fail("The engine is not ours to start anew.");
  await engine.restart();
}

const kills: [phase: string, delaysMs: readonly number[]][] = [
  ["bringing the lab up", someOf([0, 50, 100, 150, 200, 300, 400, 500, 600, 700, 800], [0, 2, 5, 8])],
  ["deploying the balancer", someOf([0, 20], [1])],
  ["traffic", someOf([0, 700], [1])],
  ["taking the lab down", someOf([0, 30, 60, 100, 200], [0, 2, 4])],
];
for (const [phase, delaysMs] of kills)
  for (const delayMs of delaysMs)
    withEngine(
      `killed by SIGKILL ${delayMs} ms into '${phase}', its containers end, and clean removes those that never began`,
      async (t) => {
        const { child, processes } = startRun(`kill-${phase.split(" ")[0]}-${delayMs}`, [
          "test",
          "nfqueue_scale_in",
          ...small,
          "--scale",
          "1",
        ]);
        await phaseSeen(child, phase);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        const gone = ended(child);
        child.kill("SIGKILL");
        await gone;
        if (!(await soonGone())) await engineLostCount(t);
        // The engine may still be creating what the dead process asked for.
        t.true(
          await soon(async () => {
            await docker.clean?.();
            return (await labelled()).length === 0;
          }),
        );
        t.true(await eventually(() => processes().length === 0, 1000));
      },
    );

withEngine(
  "an engine that goes away in the middle of a run is exit code 3, and the record so far is kept",
  async (t) => {
    const engineSocket = (process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock").replace("unix://", "");
    const socket = outDir("proxy.sock");
    const proxy = await proxyTo(engineSocket, socket);
    const { child } = startRun(
      "gone",
      ["test", "nfqueue_scale_in", "--targets", "3", "--scale", "1", "--connections", "300"],
      {
        DOCKER_HOST: `unix://${socket}`,
      },
    );
    await phaseSeen(child, "traffic");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const code = ended(child);
    proxy.close();
    t.is(await code, 3);
    const dir = path.join(outDir("gone"), readdirSync(outDir("gone"))[0] ?? "");
    const summary = JSON.parse(readFileSync(path.join(dir, "summary.json"), "utf8")) as Summary;
    t.regex(
      summary.reasons.join(" "),
      /The lab broke in the middle of the run: the container of '(?:vm-\d+|fabric)' has ended/,
    );
    t.regex(readFileSync(path.join(dir, "events.ndjson"), "utf8"), /"sample"/);
    t.true(await soonGone());
    t.is((await run(["clean"])).status, 0);
    t.deepEqual(await labelled(), []);
  },
);

withEngine("a lab of containers is started, looked at, scaled, used and stopped by hand", async (t) => {
  const env = { ...process.env, XDG_RUNTIME_DIR: scratch };
  const lb = (...args: string[]) => run(args, env);
  const started = await lb("start", "nfqueue", "--targets", "3", "--runtime", "docker");
  t.teardown(async () => void (await lb("stop")));
  t.is(started.status, 0, started.stderr);
  t.regex((await lb("status")).stdout, /nfqueue on docker since/);
  const exec = await lb("exec", "vm-201", "--", "sh", "-c", "hostname; nfqueue-lb stats --shm nfqueue-lb >&2; exit 5");
  t.is(exec.stdout, "vm-201\n");
  t.regex(exec.stderr, /"stats"/);
  t.is(exec.status, 5);
  const { stdout: shell } = await runProgram(["script", "-qec", `${program} shell vm-002`, "/dev/null"], {
    env,
    input: "hostname; tty; exit\n",
  });
  t.regex(shell, /vm-002/);
  t.regex(shell, /\/dev\/pts\//);
  t.regex((await lb("scale", "in", "2")).stdout, /out +vm-002/);
  t.regex((await lb("clean")).stdout, /The running lab was kept/);
  t.is((await labelled()).length, 6);
  t.is((await lb("stop")).status, 0);
  t.deepEqual(await labelled(), []);
});

test.serial("no engine is a skip with its remedy, never a pass; and a lab that cannot start says so", async (t) => {
  const env = { ...process.env, DOCKER_HOST: "unix:///nowhere.sock", XDG_RUNTIME_DIR: scratch };
  const { status, stdout } = await run(["test", "nfqueue", "--runtime", "docker", "--out", outDir("none")], env);
  t.is(status, 77);
  t.regex(stdout.replace(/\s+/g, " "), /No Docker engine answers at 'unix:\/\/\/nowhere.sock'/);
  const started = await run(["start", "nfqueue", "--runtime", "docker"], env);
  t.is(started.status, 3);
  t.regex(started.stderr, /No Docker engine answers/);
});

for (const [title, args, message] of [
  [
    "--image without a role",
    ["--runtime", "docker", "--image", "my/lb"],
    /write role=image; roles: base, router, target, tester/,
  ],
  ["--image for an unknown role", ["--runtime", "docker", "--image", "rooter=my/lb"], /roles: base, router/],
  [
    "--image with machines that have none",
    ["--image", "router=my/lb"],
    /--image needs --runtime docker or --runtime swarm/,
  ],
  [
    "--capability with routers that have all",
    ["--capability", "SYS_ADMIN"],
    /--capability needs --runtime docker or --runtime swarm/,
  ],
  [
    "--capability in small letters",
    ["--runtime", "docker", "--capability", "sys_admin"],
    /Invalid value 'sys_admin' for --capability: write it as SYS_ADMIN/,
  ],
  ["a backend's file that is not there", ["--backend", "/nowhere.ts"], /Cannot use '\/nowhere.ts' as a backend/],
  ["a file that is no backend", ["--backend", `${root}package.json`], /must default-export a function/],
] as const)
  test(`${title} is wrong usage: exit code 2 and a sentence`, async (t) => {
    const { status, stderr } = await run(["test", "nfqueue", ...args]);
    t.is(status, 2, stderr);
    t.regex(stderr, message);
    t.notRegex(stderr, / {4}at /, "no stack trace");
  });

swarmTests(withEngine, outDir);
rackTests(withEngine, outDir);

withEngine("the old names are commands in containers too", async (t) => {
  const env = { XDG_RUNTIME_DIR: outDir("by-hand") };
  const lb = (...words: string[]) => run(words, env);
  const started = await lb("start", "nfqueue", "--targets", "3", "--runtime", "docker");
  t.is(started.status, 0, started.stderr);
  await typesOldNames(t, lb);
  t.is((await lb("stop")).status, 0);
});
