// SPDX-License-Identifier: Apache-2.0
// A Docker engine of a test's own, beside the machine's: its data, socket and network namespace are its own, and it may be killed.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Docker from "dockerode";
import { descendants } from "../../bench/watched.ts";
import { runProgram } from "../../host/program.ts";
import { findTool } from "../../host/tools.ts";
import { connectEngine } from "../../runtime/docker/engine.ts";
import { ensureImages } from "../../runtime/docker/images.ts";
import { copy } from "../../runtime/docker/store.ts";

import { eventually, wordsOf } from "../machine.ts";

const START_MS = 40_000;
const STOP_MS = 20_000;
/** Where an engine is spoken to over the links of its network namespace. */
export const WIRE_PORT = 2375;

export interface OwnEngine {
  env: { DOCKER_HOST: string };
  docker: Docker;
  /** Whose network namespace is the engine's. */
  pid(): number;
  /** As a machine that kills it would: what it started lives on. */
  kill(): Promise<void>;
  /** As a machine that loses its power. */
  die(): void;
  start(): Promise<void>;
  /** Its containers' names. */
  containers(): Promise<string[]>;
  /** Ends it, and removes all of it. */
  remove(): Promise<void>;
}

/** Why this machine cannot have one; null: it can. */
export async function ownEngineMissing(): Promise<string | null> {
  return process.geteuid?.() === 0 ? findTool("dockerd", "docker.io") : "A Docker engine needs root.";
}

interface OwnOptions {
  /** Its host name; absent: the machine's. */
  name?: string;
  /** Whether it gets the lab's images, as the machine's engine has them. */
  images?: boolean;
  /** Seconds by which its clock is ahead of the machine's. */
  aheadS?: number;
  /** Whether it listens at WIRE_PORT of its network namespace, too. */
  byWire?: boolean;
}

/** Its sockets' names must be short. */
export async function ownEngine({ images = true, ...as }: OwnOptions = {}): Promise<OwnEngine> {
  const dir = mkdtempSync("/tmp/lb-engine-");
  const socketPath = path.join(dir, "e.sock");
  const docker = new Docker({ socketPath });
  let process: ChildProcess | undefined;
  const network = await ownNetwork();
  const engine: OwnEngine = {
    env: { DOCKER_HOST: `unix://${socketPath}` },
    docker,
    pid: () => network.pid,
    async kill() {
      process?.kill("SIGKILL");
      await eventually(() => process?.signalCode !== null, STOP_MS);
    },
    die() {
      for (const pid of processesOf(dir).flatMap((one) => [one, ...descendants(one)])) endHard(pid);
      network.end();
    },
    async start() {
      process = startEngine(dir, network.pid, as);
      const answers = () =>
        docker.ping().then(
          () => true,
          () => false,
        );
      if (await eventually(answers, START_MS)) return;
      throw new Error(`'dockerd' does not start: ${readFileSync(path.join(dir, "log"), "utf8").slice(-600)}`);
    },
    containers: async () => (await docker.listContainers({ all: true })).flatMap(({ Names }) => Names),
    async remove() {
      process?.kill("SIGTERM");
      const isGone = await eventually(() => processesOf(dir).length === 0, STOP_MS);
      network.end();
      // What a killed engine left behind does not obey its successor in every version.
      if (!isGone) for (const pid of processesOf(dir)) endHard(pid);
      await delay(200);
      // A killed engine leaves its mounts; those within others come last in the list.
      for (const mount of mountsBelow(dir).reverse()) await runProgram(["umount", "--lazy", mount]);
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    await engine.start();
    if (images) await copyImages(docker);
    return engine;
  } catch (error) {
    await engine.remove();
    throw error;
  }
}

/** A network namespace that is there until it is ended, whatever else comes and goes in it. */
export async function ownNetwork(): Promise<{ pid: number; end(): void }> {
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore", detached: true });
  const { pid = 0 } = holder;
  const isOwn = () => readlinkSync(`/proc/${pid}/ns/net`) !== readlinkSync("/proc/self/ns/net");
  if (!(await eventually(isOwn, START_MS))) throw new Error("'unshare' makes no network namespace.");
  return { pid, end: () => void holder.kill("SIGKILL") };
}

function startEngine(dir: string, network: number, { name, aheadS, byWire }: OwnOptions): ChildProcess {
  mkdirSync(path.join(dir, "data"), { recursive: true });
  const places = ["--data-root", path.join(dir, "data"), "--exec-root", path.join(dir, "exec")];
  const own = [...places, "--pidfile", path.join(dir, "pid"), "--host", `unix://${path.join(dir, "e.sock")}`];
  const wire = byWire ? ["--host", `tcp://0.0.0.0:${WIRE_PORT}`, "--tls=false"] : [];
  const noNetwork = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"];
  rmSync(path.join(dir, "pid"), { force: true });
  const log = openSync(path.join(dir, "log"), "a");
  const ahead = aheadS === undefined ? [] : ["--time", "--monotonic", `${aheadS}`];
  const named = name === undefined ? [] : ["--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name];
  const apart = [`--net=/proc/${network}/ns/net`, "unshare", ...ahead, ...named];
  return spawn("nsenter", [...apart, "dockerd", ...own, ...wire, ...noNetwork], {
    stdio: ["ignore", log, log],
    detached: true,
    env: { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` },
  });
}

async function copyImages(to: Docker): Promise<void> {
  const from = await connectEngine();
  const images = await ensureImages(from, {}, () => {});
  await copy(from.docker, to, [...new Set(Object.values(images))]);
}

/** Whoever has ended meanwhile has. */
function endHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function mountsBelow(dir: string): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return mounts.map((line) => line.split(" ")[4] ?? "").filter((mount) => mount.startsWith(dir));
}

/** The engine itself and what it started: their words name its folder. */
function processesOf(dir: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => wordsOf(pid).some((word) => word.includes(dir)));
}
