// SPDX-License-Identifier: Apache-2.0
// Runs into which a test does something that nobody ordered: lab tests of what is said of it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ExecutionContext } from "ava";
import type { Backend } from "../api/backend.ts";
import type { Scenario } from "../api/scenario.ts";
import { describeHost } from "../host/describe.ts";
import { parseOptions } from "../plan/invalid.ts";
import { runOptions } from "../plan/options.ts";
import { planCase, runOne } from "../run/planned-case.ts";
import type { RunResult } from "../run/run.ts";
import { type Chosen, Sessions } from "../run/runtimes.ts";
import { netns } from "../runtime/netns.ts";
import type { Lab, Process } from "../runtime/runtime.ts";
import { isSkipped } from "./skip.ts";

export const SIG = { stop: 19, continue: 18, kill: 9, term: 15 } as const;

const quiet = (durationS: number): Scenario => ({
  name: "quiet",
  summary: "Connections, and no event.",
  routers: 1,
  plan: () => ({ mode: "stream", durationS, out: [], steps: [] }),
});

/** A lab and the programs that were started in it, by their words. */
export interface World {
  lab: Lab;
  started: Started[];
}
interface Started {
  machine: string;
  words: string;
  process: Process;
}

/** A session whose labs can be looked into. */
function opened(chosen: Chosen, onLab: (world: World) => void): Chosen {
  const { session } = chosen;
  if (!session) return chosen;
  const up: typeof session.up = async (...of) => {
    const lab = await session.up(...of);
    const world: World = { lab, started: [] };
    onLab(world);
    const host: Lab["host"] = (name) => {
      const real = lab.host(name);
      return {
        ...real,
        spawn(argv, options) {
          const process = real.spawn(argv, options);
          world.started.push({ machine: name, words: argv.join(" "), process });
          return process;
        },
      };
    };
    return { ...lab, host };
  };
  const seen = Object.create(session, { up: { value: up } }) as typeof session;
  return { ...chosen, session: seen };
}

export interface FaultyRun {
  backend: Backend;
  durationS?: number;
  /** Instead of connections without an event. */
  scenario?: Scenario;
  /** Options of the run, besides few connections over IPv4. */
  options?: Record<string, unknown>;
  set?: readonly string[];
  /** What is done to it once the traffic has begun. */
  fault: (world: World) => Promise<void>;
}

/** null: it cannot run here, and the test is skipped. */
export async function faultyRun(
  t: ExecutionContext,
  { backend, durationS = 3, scenario = quiet(durationS), options = {}, set = [], fault }: FaultyRun,
): Promise<RunResult | null> {
  if (isSkipped(t, await backend.missing(netns, backend.options.parse({})))) return null;
  const out = mkdtempSync(path.join(tmpdir(), "load-balancer-fault-"));
  t.teardown(() => rmSync(out, { recursive: true, force: true }));
  const few = parseOptions(runOptions, { connections: 400, rate: 400, targets: 4, family: "4", ...options });
  const planned = planCase({ name: `${backend.name}_${scenario.name}`, backend, scenario }, few, set);
  const signal = new AbortController().signal;
  await using sessions = new Sessions(signal, () => {});
  let world: World | null = null;
  const chosen = opened(await sessions.of(netns, 400), (made) => {
    world = made;
  });
  const under: Promise<void>[] = [];
  const event = ({ kind }: { kind: string }) => {
    if (kind === "stream_start" && world && under.length === 0) under.push(fault(world));
  };
  const live = { follow: () => ({ event }) } as never;
  const settings = { out, commandLine: ["test"], stop: true, reporter: [], live };
  const result = await runOne(planned, chosen, settings, { host: await describeHost(), signal });
  await Promise.all(under);
  return result;
}

/** A program of the lab that was started with these words, on that machine if one is named. */
export const find = ({ started }: World, words: string, machine?: string): Process => {
  const found = started.find((one) => one.words.includes(words) && one.machine === (machine ?? one.machine));
  if (!found) throw new Error(`No program of ${started.map((one) => one.words).join("; ")} has '${words}'.`);
  return found.process;
};
