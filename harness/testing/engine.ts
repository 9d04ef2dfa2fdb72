// SPDX-License-Identifier: Apache-2.0
// A Docker engine for tests: the one that answers, or one that is started here and stopped again.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findTool } from "../host/tools.ts";
import { docker } from "../runtime/docker.ts";

export interface TestEngine {
  /** Why there is none; null when one answers. */
  skip: string | null;
  stop(): Promise<void>;
  /** Starts it anew. Absent: it is not ours. */
  restart?(): Promise<void>;
}

const START_MS = 30_000;

export async function testEngine(): Promise<TestEngine> {
  const [why] = await docker.missing();
  if (why === undefined) return { skip: null, stop: async () => {} };
  const cannot = (reason: string) => ({ skip: `${why} ${reason}`, stop: async () => {} });
  if (process.geteuid?.() !== 0) return cannot("The tests start one only as root.");
  if (process.env.DOCKER_HOST) return cannot("DOCKER_HOST names one that the tests cannot start.");
  const notInstalled = await findTool("dockerd", "docker.io");
  if (notInstalled) return cannot(notInstalled);
  return startEngine();
}

async function startEngine(): Promise<TestEngine> {
  // A file, not a pipe: tests that wait for a program read nothing meanwhile, and a full pipe would stop the engine.
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-engine-"));
  const log = path.join(dir, "dockerd.log");
  const start = () =>
    spawn("dockerd", {
      stdio: ["ignore", "ignore", openSync(log, "a")],
      detached: true,
      env: { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` },
    });
  let engine = start();
  const restart = async () => {
    await stopEngine(engine);
    engine = start();
    if (!(await answers(engine)))
      throw new Error(`'dockerd' does not start again: ${readFileSync(log, "utf8").slice(-1000)}`);
  };
  const stop = async () => {
    await stopEngine(engine);
    rmSync(dir, { recursive: true, force: true });
  };
  if (await answers(engine)) return { skip: null, stop, restart };
  const said = readFileSync(log, "utf8").slice(-1000);
  await stop();
  return { skip: `'dockerd' does not start: ${said}`, stop: async () => {} };
}

async function answers(engine: ChildProcess): Promise<boolean> {
  for (const deadline = AbortSignal.timeout(START_MS); !deadline.aborted && engine.exitCode === null; await delay(100))
    if ((await docker.missing()).length === 0) return true;
  return false;
}

async function stopEngine(engine: ChildProcess): Promise<void> {
  if (engine.exitCode !== null) return;
  const ended = new Promise((resolve) => engine.once("exit", resolve));
  engine.kill("SIGTERM");
  const hard = setTimeout(() => engine.kill("SIGKILL"), 15_000);
  await ended;
  clearTimeout(hard);
}
