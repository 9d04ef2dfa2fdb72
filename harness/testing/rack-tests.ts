// SPDX-License-Identifier: Apache-2.0
// A swarm of three managers that are spoken to over their links, as in a rack: its engines die, and its links are cut.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { z } from "zod";
import { figureSchema } from "../bench/figure.ts";
import type { Summary } from "../record/schema.ts";
import { buildDir } from "../runtime/netns.ts";
import { runsAll } from "./alike.ts";
import { soon } from "./containers.ts";
import { type OwnEngine, ownEngineMissing } from "./faults/own-engine.ts";
import { type OwnSwarm, onMachine, ownSwarm } from "./faults/own-swarm.ts";
import { outcomes } from "./machine.ts";
import { runCase } from "./run-case.ts";
import { isSkipped } from "./skip.ts";
import { launch, type WithEngine } from "./swarm-tests.ts";

const LOAD = ["--connections", "1000", "--rate", "2500"];
const BRIEF = [...LOAD, "--at", "1 2", "--duration", "3"];
/** Long enough for what is done to it to be noticed before it ends. */
const LONG = [...LOAD, "--at", "14", "--scale", "1", "--duration", "25"];
const BPF = ["--capability", "SYS_ADMIN", "--capability", "IPC_LOCK"];

interface Rack extends OwnSwarm {
  b: OwnEngine;
  c: OwnEngine;
}

interface Tests {
  withRack: (title: string, action: (t: ExecutionContext, rack: Rack) => Promise<void>) => void;
  outDir: (name: string) => string;
}

/** They need minutes: none of them runs where not every test is asked for. */
export function rackTests(withEngine: WithEngine, outDir: (name: string) => string): void {
  if (!runsAll) return;
  let started: Promise<OwnSwarm> | null = null;
  test.after.always(async () => (await started)?.remove());
  const withRack: Tests["withRack"] = (title, action) =>
    withEngine(title, async (t) => {
      const missing = await ownEngineMissing();
      if (isSkipped(t, missing === null ? [] : [missing])) return;
      started ??= ownSwarm(["a", "b", "c"], { managers: 3, byWire: true });
      const rack = await started;
      const [b, c] = rack.workers;
      if (!b || !c) return t.fail();
      await action(t, { ...rack, b, c });
    });
  asNetns({ withRack, outDir });
  broken({ withRack, outDir });
}

function asNetns({ withRack, outDir }: Tests): void {
  const everywhere = ["testers", "targets"].flatMap((group) => ["--place", `${group}=node.hostname!=none`]);
  for (const [name, size, more] of [
    ["ecmp_scale_lb", [], []],
    ["xdp_scale", [], BPF],
    ["nfqueue_scale", ["--targets", "60", "--testers", "3"], everywhere],
  ] as const)
    withRack(`${name} over three engines: the connections and losses of netns`, async (t, rack) => {
      const { manager } = rack;
      const isBuilt = more !== BPF || existsSync(path.join(buildDir, "xdp-lb"));
      if (isSkipped(t, isBuilt ? [] : ["'xdp-lb' is not built: that takes clang and libbpf-dev. Run './setup'."]))
        return;
      const out = outDir(`rack-${name}`);
      const words = ["test", name, ...BRIEF, ...size, "--runtime", "swarm", ...more, "--out", out];
      const { child, said } = launch(words, manager.env, onMachine(manager));
      t.is((await child.ended).code, 0, said());
      const here = await runCase(t, name, [...BRIEF, ...size], { out: outDir(`alone-${name}`) });
      t.deepEqual(outcomes(recordIn(out)), outcomes(here.dir));
      t.deepEqual(await rack.holds(), []);
    });

  withRack("bench over three engines: plain forwarding goes over the same nodes, which are named", async (t, rack) => {
    const { manager } = rack;
    const words = ["bench", "nfqueue", "--runtime", "swarm", "--metrics", "requests,connect_cpu", "--json"];
    const brief = ["--repeat", "1", "--seconds", "1", "--out", outDir("rack-bench")];
    const { child, said } = launch([...words, ...brief], manager.env, onMachine(manager));
    const { code, stdout } = await child.ended;
    t.is(code, 0, said());
    const figures = z.array(figureSchema).parse(JSON.parse(stdout));
    for (const metric of ["requests", "connect_cpu"]) {
      const own = figures.find((figure) => figure.metric === metric && figure.backend === "nfqueue");
      t.true((own?.median ?? 0) > 0 && (own?.ratioToPlain ?? 0) > 0, metric);
      t.deepEqual(
        own?.environment.nodes?.map((node) => node.slice(0, 2)),
        ["a:", "b:", "c:"],
      );
    }
    t.deepEqual(await rack.holds(), []);
  });
}

function broken({ withRack, outDir }: Tests): void {
  /** A run on this engine's machine, to which something is done while the traffic is on. */
  const attacked = async (on: OwnEngine, name: string, attack: () => Promise<void>, more: readonly string[] = []) => {
    const out = outDir(name);
    const words = ["test", "nfqueue_scale_in", ...LONG, ...more, "--runtime", "swarm", "--out", out];
    const { child, said } = launch(words, on.env, onMachine(on));
    await soon(async () => said().includes("traffic for"), 60_000);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    await attack();
    const { code } = await child.ended;
    const { verdict, reasons } = JSON.parse(readFileSync(path.join(recordIn(out), "summary.json"), "utf8")) as Summary;
    return { code, verdict, reason: reasons[0] ?? "" };
  };

  withRack("nodes that do not reach each other: exit code 3, and both names", async (t, rack) => {
    const apart = async (is: string) => {
      for (const i of [1, 2]) await rack.setPort(i, `type bridge_slave isolated ${is}`);
    };
    const { code, verdict, reason } = await attacked(rack.manager, "apart", () => apart("on"));
    await apart("off");
    t.deepEqual([code, verdict], [3, "error"]);
    t.regex(reason, /nothing that node '[bc]' sends arrives at node '[bc]'/);
    t.deepEqual(await rack.holds(), []);
  });

  withRack("a manager that fails over, and has no machines, is nothing to a run", async (t, rack) => {
    const { manager, b } = rack;
    const places = ["testers=node.hostname==b", "routers=node.hostname==c", "targets=node.hostname==b"];
    const words = places.flatMap((place) => ["--place", place]);
    const { code, reason } = await attacked(b, "fails-over", () => manager.kill(), words);
    t.is(code, 0, reason);
    await manager.start();
    t.true(await soon(async () => (await statesSeenBy(b)).every((state) => state === "ready"), 60_000));
    t.deepEqual(await rack.holds(), []);
  });

  withRack("a node without power: exit code 3, its name, and nothing left on the others", async (t, rack) => {
    const { code, verdict, reason } = await attacked(rack.manager, "dies", async () => {
      await rack.setPort(1, "down");
      rack.b.die();
    });
    t.deepEqual([code, verdict], [3, "error"]);
    t.regex(reason, /node 'b' does not answer/);
    t.deepEqual(await rack.holds(rack.b), []);
  });
}

async function statesSeenBy({ docker }: OwnEngine): Promise<string[]> {
  return ((await docker.listNodes()) as { Status: { State: string } }[]).map(({ Status }) => Status.State);
}

function recordIn(out: string): string {
  const name = readdirSync(out).find((one) => existsSync(path.join(out, one, "summary.json")) && one !== "latest");
  return path.join(out, name ?? "");
}
