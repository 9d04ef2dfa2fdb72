// SPDX-License-Identifier: Apache-2.0
// The swarm runtime with two engines of the tests' own. Part of the docker ring's one file: the engine's images are there by then.
import { setTimeout as delay } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { launchProgram } from "../host/program.ts";
import { readRecord } from "../record/read.ts";
import type { Summary } from "../record/schema.ts";
import { ENGINE_LABEL } from "../runtime/swarm/nodes.ts";
import { runsAll, someOf } from "./alike.ts";
import { proxyTo, soon } from "./containers.ts";
import { ownEngineMissing } from "./faults/own-engine.ts";
import { type OwnSwarm, ownSwarm, setNode } from "./faults/own-swarm.ts";
import { outcomes, program, runMain } from "./machine.ts";
import { runCase } from "./run-case.ts";
import { isSkipped } from "./skip.ts";

const AHEAD_S = 1000;
const CASE = ["--connections", "1000", "--rate", "2500", "--at", "1 2", "--duration", "3"];

const BEGINS = "bringing the lab up";
const KILLS: readonly (readonly [phase: string, delayMs: number])[] = [
  ...[300, 800, 1200, 1600, 2000].map((ms) => [BEGINS, ms] as const),
  ["deploying the balancer", 0],
  ["traffic", 0],
  ["traffic", 1500],
  ["taking the lab down", 0],
  ["taking the lab down", 100],
];

export type WithEngine = (title: string, action: (t: ExecutionContext) => Promise<void>) => void;

/** `withEngine` makes a test that runs where there is a Docker engine. */
export function swarmTests(withEngine: WithEngine, outDir: (name: string) => string): void {
  let started: Promise<OwnSwarm> | null = null;
  test.after.always(async () => (await started)?.remove());

  const withSwarm = (title: string, action: (t: ExecutionContext, swarm: OwnSwarm) => Promise<void>) =>
    withEngine(title, async (t) => {
      const missing = await ownEngineMissing();
      if (isSkipped(t, missing === null ? [] : [missing])) return;
      started ??= ownSwarm(["here", "there"], { aheadS: AHEAD_S });
      const swarm = await started;
      await action(t, swarm);
      t.deepEqual(await swarm.holds(), []);
    });
  const tests = { withSwarm, outDir };
  sameAsNetns(tests);
  if (runsAll) lateAnswers(tests);
  ended(tests);
  refused(tests);
}

interface Tests {
  withSwarm: (title: string, action: (t: ExecutionContext, swarm: OwnSwarm) => Promise<void>) => void;
  outDir: (name: string) => string;
}

function sameAsNetns({ withSwarm, outDir }: Tests): void {
  const runOn = (t: ExecutionContext, { manager: { env } }: OwnSwarm, runtime: string) =>
    runCase(t, "nfqueue_scale", ["--runtime", runtime, ...CASE], { out: outDir(`two-${runtime}`), env });
  withSwarm(
    "nfqueue_scale over two engines: the 5-tuples, predictions and losses of netns; clocks are related",
    async (t, swarm) => {
      const [here, there] = [await runOn(t, swarm, "netns"), await runOn(t, swarm, "swarm")];
      t.is(there.status, 0, there.summary.reasons.join("\n"));
      t.deepEqual(outcomes(there.dir), outcomes(here.dir));
      const events = ({ events: all }: Summary) =>
        all.map(({ kind, machines, alive, lost, predicted }) => ({ kind, machines, alive, lost, predicted }));
      t.deepEqual(events(there.summary), events(here.summary));
      const wrong = there.summary.events.map(({ mispredicted }) => mispredicted);
      t.deepEqual(wrong, [0, 0]);
      t.deepEqual(there.summary.spread.perTarget, here.summary.spread.perTarget);
      const { events: recorded } = readRecord(there.dir);
      const nodes = recorded.find((event) => event.kind === "lab_up")?.nodes;
      t.like(nodes, { "vm-221": "here", "vm-201": "there", "vm-001": "here" });
      const clocks = recorded.find((event) => event.kind === "clocks")?.nodes;
      const { offsetNs = 0, errorNs = 0 } = clocks?.there ?? {};
      t.true(Math.abs(offsetNs - AHEAD_S * 1e9) <= errorNs, `${offsetNs} +- ${errorNs}`);
      t.is(clocks?.here?.offsetNs, 0);
    },
  );
}

/** The node's clock lies somewhere within the time that the way there takes. */
function lateAnswers({ withSwarm, outDir }: Tests): void {
  const LATE_MS = 40;
  const connectionsOf = (dir: string) => outcomes(dir).map((row) => row.replace(/ vm-22\d/, ""));
  withSwarm(
    `testers on both nodes, one with a clock that is known to ${LATE_MS / 2} ms: the connections of one tester in netns`,
    async (t, { manager, workers: [worker] }) => {
      if (!worker) return t.fail();
      const { env } = manager;
      const socket = outDir("late.sock");
      const proxy = await proxyTo(worker.env.DOCKER_HOST.slice("unix://".length), socket, LATE_MS);
      await setNode(manager, worker, { Labels: { [ENGINE_LABEL]: `unix://${socket}` } });
      try {
        const alone = await runCase(t, "nfqueue_scale", CASE, { out: outDir("one-tester"), env });
        const words = ["--runtime", "swarm", "--testers", "2", "--place", "testers=node.hostname!=other", ...CASE];
        const both = await runCase(t, "nfqueue_scale", words, { out: outDir("two-testers"), env });
        t.is(both.status, 0, both.summary.reasons.join("\n"));
        t.deepEqual(connectionsOf(both.dir).sort(), connectionsOf(alone.dir).sort());
        const { events } = readRecord(both.dir);
        const clocks = events.find((event) => event.kind === "clocks")?.nodes;
        t.true((clocks?.there?.errorNs ?? 0) >= (LATE_MS / 2) * 1e6);
        const changes = events.flatMap((event) => (event.kind === "scale" ? [event] : []));
        t.is(changes.length, 2);
        for (const { requestedT, effectiveT } of changes) t.true(effectiveT - requestedT >= LATE_MS * 1e6);
      } finally {
        await setNode(manager, worker, { Labels: { [ENGINE_LABEL]: worker.env.DOCKER_HOST } });
        proxy.close();
      }
    },
  );
}

function ended({ withSwarm, outDir }: Tests): void {
  const begin = async (
    t: ExecutionContext,
    { manager: { env } }: OwnSwarm,
    { name, phase = "traffic" }: { name: string; phase?: string },
  ) => {
    const run = launch(["test", "nfqueue_scale", ...CASE, "--runtime", "swarm", "--out", outDir(name)], env);
    t.true(await soon(async () => run.said().includes(phase), 60_000), run.said());
    return run;
  };

  for (const [phase, delayMs] of someOf(KILLS, [6]))
    withSwarm(
      `killed by SIGKILL ${delayMs} ms into '${phase}', it leaves nothing on either engine`,
      async (t, swarm) => {
        const { child } = await begin(t, swarm, { name: `killed-${phase}-${delayMs}`, phase });
        await delay(delayMs);
        const gone = child.ended.catch(() => {});
        child.kill("SIGKILL");
        await gone;
        const isEmpty = await soon(async () => (await swarm.holds()).length === 0);
        // Containers that were created and never started are what the next start, or this, removes.
        const { stdout } = isEmpty ? { stdout: "" } : await runMain(["clean"], { env: swarm.manager.env });
        t.true(isEmpty || (phase === BEGINS && stdout.includes("of an ended lab from node")), stdout);
      },
    );

  withSwarm("a node that is to take no work any more ends the run: exit code 3, and its name", async (t, swarm) => {
    const { child, said } = await begin(t, swarm, { name: "drained" });
    const [worker] = swarm.workers;
    if (!worker) return t.fail();
    await setNode(swarm.manager, worker, { Availability: "drain" });
    t.is((await child.ended).code, 3);
    await setNode(swarm.manager, worker, { Availability: "active" });
    t.regex(said(), /node 'there' was set to 'drain'/);
  });
}

function refused({ withSwarm, outDir }: Tests): void {
  withSwarm(
    "no node for a role is wrong usage; a worker, and an engine in no swarm, are skips with their remedies",
    async (t, swarm) => {
      const words = ["test", "nfqueue", "--runtime", "swarm", "--out", outDir("wrong")];
      const none = await runMain([...words, "--place", "routers=node.labels.lb==true"], { env: swarm.manager.env });
      t.is(none.status, 2);
      t.regex(
        none.stderr,
        /No node of the swarm fits '--place routers=node.labels.lb==true'. Nodes: here \(manager\); there \(worker/,
      );
      const worker = await runMain(words, { env: swarm.workers[0]?.env ?? {} });
      t.is(worker.status, 77);
      t.regex(worker.stdout.replace(/\s+/g, " "), /is a worker of its swarm.*managers: 10.99.0.1/);
      const alone = await runMain(words);
      t.is(alone.status, 77);
      t.regex(alone.stdout.replace(/\s+/g, " "), /is in no swarm. Run 'docker swarm init' there/);
    },
  );
}

/** `through`: what goes before the program's name. */
export function launch(words: readonly string[], env: NodeJS.ProcessEnv, through: readonly string[] = []) {
  const child = launchProgram([...through, program, ...words], {
    env: { ...process.env, ...env },
    timeoutMs: 300_000,
    check: false,
  });
  let said = "";
  for (const stream of [child.stderr, child.stdout])
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
  return { child, said: () => said.replace(/\s+/g, " ") };
}
