// SPDX-License-Identifier: Apache-2.0
import { spawn } from "node:child_process";
import { once } from "node:events";
import { machineNeeds } from "../api/backend.ts";
import { fallbackRuntime, oneRuntime, type RuntimeWords, Sessions } from "../commands/runtimes.ts";
import { type Catalog, findNamed } from "../plan/catalog.ts";
import { parseBackendOptions, parseOptions, runOptions } from "../plan/options.ts";
import { say } from "../run/planned-case.ts";
import { LabError } from "../runtime/runtime.ts";
import { keepLab } from "../session/keeper.ts";
import { ask, connectSession, requireSession, type SessionReply, type SessionStatus } from "../session/session.ts";
import { runAttached } from "../session/terminal.ts";
import { planTopology } from "../topology/topology.ts";
import { lineReader } from "../traffic/lines.ts";
import { startServers } from "../traffic/servers.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { Scope } from "../util/scope.ts";

export interface StartOptions extends RuntimeWords {
  backend: string;
  /** Files of backends from outside of the repository. */
  outside: readonly string[];
  set: readonly string[];
  given: Record<string, unknown>;
}

/** Brings a lab up in a keeper process of its own and returns when it is ready. An abort takes down what is up by then. */
export async function startCommand(catalog: Catalog, options: StartOptions, signal: AbortSignal): Promise<number> {
  const { runtime, backend } = checkStart(catalog, options);
  const running = await connectSession();
  if (running) {
    running.destroy();
    throw new LabError("A lab is running already. Run './load-balancer.ts stop' first.");
  }
  signal.throwIfAborted();
  const used = await fallbackRuntime(catalog, options, runtime, backend, say);
  // What is fetched stays; the lab is another process'.
  const sessions = new Sessions(signal, say);
  await sessions.of(used, 0).finally(() => sessions[Symbol.asyncDispose]());
  const kept = used === runtime ? options : { ...options, runtime: used.name };
  const keeper = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", "keep", JSON.stringify(kept)], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  keeper.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ready = new Promise<void>((resolve) =>
    keeper.stdout.on(
      "data",
      lineReader(() => resolve()),
    ),
  );
  const ended = once(keeper, "exit").then(() => {
    throw new LabError(said.trim() || "The lab's keeper ended before the lab was up.");
  });
  const endKeeper = () => keeper.kill("SIGTERM");
  signal.addEventListener("abort", endKeeper, { once: true });
  try {
    await Promise.race([ready, ended]);
    ended.catch(() => {});
    if (signal.aborted) await ended;
  } catch (error) {
    if (signal.aborted) return EXIT.interrupted;
    throw error;
  } finally {
    signal.removeEventListener("abort", endKeeper);
  }
  for (const stream of [keeper.stdout, keeper.stderr]) stream.destroy();
  keeper.unref();
  return statusCommand({ json: false });
}

function checkStart(catalog: Catalog, { backend: name, set, given, ...words }: StartOptions) {
  const backend = findNamed("backend", catalog.backends, name);
  const { targets, routers = 1 } = parseOptions(runOptions, given);
  const backendOptions = parseBackendOptions(backend, set);
  backend.effectiveOptions(backendOptions, targets);
  const runtime = oneRuntime(catalog, words);
  return { backend, backendOptions, runtime, targets, routers };
}

/** The keeper itself: what `start` runs in the background. */
export async function keepCommand(catalog: Catalog, options: StartOptions, signal: AbortSignal): Promise<number> {
  const { backend, backendOptions, runtime, targets, routers } = checkStart(catalog, options);
  const missing = [...(await runtime.missing()), ...(await backend.missing(runtime, backendOptions))];
  if (missing.length > 0) throw new LabError(missing.join(" "));
  const scope = new Scope();
  try {
    const topology = planTopology({ targets, routers, ...machineNeeds(backend, backendOptions) });
    const lab = await runtime.up(topology, signal);
    scope.defer("take the lab down", () => lab[Symbol.asyncDispose]());
    const all = Array.from({ length: targets }, (_, i) => i);
    const [balancer] = await Promise.all([backend.deploy(lab, backendOptions, all), startServers(lab)]);
    scope.defer("stop the balancer", () => balancer[Symbol.asyncDispose]());
    await keepLab({ lab, balancer, backend: backend.name }, signal, () => process.stdout.write("ready\n"));
  } finally {
    await scope[Symbol.asyncDispose]();
  }
  return 0;
}

export async function stopCommand(): Promise<number> {
  const socket = await connectSession();
  if (!socket) {
    process.stdout.write("No lab is running.\n");
    return 0;
  }
  orThrow(await ask(socket, { op: "stop" }));
  process.stdout.write("The lab is down.\n");
  return 0;
}

/** Exit code 3 when no lab is running. */
export async function statusCommand(options: { json: boolean }): Promise<number> {
  const { status } = orThrow(await ask(await requireSession(), { op: "status" }));
  if (options.json) process.stdout.write(`${JSON.stringify(status)}\n`);
  else if (status) process.stdout.write(statusText(status));
  return 0;
}

function statusText({ backend, runtime, pid, startedAt, targets, routers, tester }: SessionStatus): string {
  const names = (active: boolean) => targets.flatMap((t) => (t.active === active ? [t.name] : [])).join(" ") || "none";
  return [
    `${backend} on ${runtime} since ${startedAt}, kept by process ${pid}`,
    `tester   ${tester}`,
    `routers  ${routers.join(" ")}`,
    `active   ${names(true)}`,
    `out      ${names(false)}`,
    "",
  ].join("\n");
}

export async function scaleCommand(direction: "in" | "out", words: string[]): Promise<number> {
  const wrong = words.find((word) => !/^\d+$/.test(word));
  if (wrong !== undefined) throw new UsageError(`'${wrong}' is no target number.`);
  const targets = words.map(Number);
  if (targets.length === 0) throw new UsageError("Name at least one target number.");
  const { status, inForceMs } = orThrow(await ask(await requireSession(), { op: "scale", direction, targets }));
  process.stdout.write(`In force after ${inForceMs?.toFixed(1)} ms.\n${status ? statusText(status) : ""}`);
  return 0;
}

export async function execCommand(machine: string, argv: string[], signal: AbortSignal): Promise<number> {
  if (argv.length === 0) throw new UsageError("Say what to run: ./load-balancer.ts exec vm-001 -- ip address");
  return runAttached(await requireSession(), { machine, argv, tty: false }, signal);
}

export async function shellCommand(machine: string, signal: AbortSignal): Promise<number> {
  // A machine with a file system of its own may lack the user's shell.
  const argv = ["sh", "-c", '[ -x "$0" ] && exec "$0"; exec sh', process.env.SHELL || "/bin/sh"];
  return runAttached(await requireSession(), { machine, argv, tty: process.stdin.isTTY === true }, signal);
}

function orThrow(reply: SessionReply): Extract<SessionReply, { ok: true }> {
  if (reply.ok) return reply;
  throw reply.usage ? new UsageError(reply.error) : new LabError(reply.error);
}
