// SPDX-License-Identifier: Apache-2.0

import { spawn } from "node:child_process";
import { once } from "node:events";
import { machineNeeds } from "../api/backend.ts";
import type { Context } from "../cli/command.ts";
import { wordsOf } from "../cli/words.ts";
import type { LookupArgs, StartArgs } from "../commands/session.ts";
import { inheritedVariables, parseBackendOptions } from "../plan/backend-options.ts";
import { type Catalog, findNamed } from "../plan/catalog.ts";
import { labShape } from "../plan/options.ts";
import { percent } from "../report/format.ts";
import { say, tellEnvironment } from "../run/planned-case.ts";
import { fallbackRuntime, oneRuntime, Sessions } from "../run/runtimes.ts";
import { LabError } from "../runtime/runtime.ts";
import { access, accessText, NEXT } from "../session/access.ts";
import { GROUPS, isGroup, labelled } from "../session/groups.ts";
import { keepLab } from "../session/keeper.ts";
import type { Endpoint, LookupAnswer } from "../session/lookup.ts";
import { ask, connectSession, requireSession, type SessionReply, type SessionStatus } from "../session/session.ts";
import { runAttached } from "../session/terminal.ts";
import { planTopology } from "../topology/topology.ts";
import { lineReader } from "../traffic/lines.ts";
import { startServers } from "../traffic/servers.ts";
import { UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import { list } from "../util/numbers.ts";
import { Scope } from "../util/scope.ts";
import { PROGRAM } from "../util/typed.ts";

/** Brings a lab up in a keeper process of its own and returns when it is ready. An abort takes down what is up by then. */
export async function start(args: StartArgs, { catalog, signal, variables }: Context): Promise<number> {
  const { runtime, backend } = checkStart(catalog, args);
  tellEnvironment(args.name, { ...variables, ...inheritedVariables(backend, args.set) });
  const running = await connectSession();
  if (running) {
    running.destroy();
    throw new LabError(`A lab is already running. Run '${PROGRAM} stop' first.`);
  }
  signal.throwIfAborted();
  const used = await fallbackRuntime(catalog, args, { chosen: runtime, backend, set: args.set }, say);
  // What is fetched stays; the lab is another process'.
  const sessions = new Sessions(signal, say);
  await sessions.of(used, 0).finally(() => sessions[Symbol.asyncDispose]());
  const kept = used === runtime ? args : { ...args, runtime: used.name };
  const own = [...process.execArgv, process.argv[1] ?? "", "keep", args.name, ...wordsOf(labShape, kept)];
  const keeper = spawn(process.execPath, own, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
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
  const code = await status({ json: false });
  process.stdout.write(NEXT);
  return code;
}

function checkStart(catalog: Catalog, { name, set, targets, routers = 1, testers, mtu, ...words }: StartArgs) {
  const backend = findNamed("backend", catalog.backends, name);
  const backendOptions = parseBackendOptions(backend, set);
  backend.effectiveOptions(backendOptions, targets);
  const runtime = oneRuntime(catalog, words);
  return { backend, backendOptions, runtime, targets, routers, testers, mtu };
}

/** The keeper itself: what `start` runs in the background. */
export async function keep(args: StartArgs, { catalog, signal }: Context): Promise<number> {
  const { backend, backendOptions, runtime, targets, routers, testers, mtu } = checkStart(catalog, args);
  const missing = [...(await runtime.missing()), ...(await backend.missing(runtime, backendOptions))];
  if (missing.length > 0) throw new LabError(missing.join(" "));
  const scope = new Scope();
  try {
    const topology = planTopology({ targets, routers, testers, mtu, ...machineNeeds(backend, backendOptions) });
    const lab = await runtime.up(topology, signal);
    scope.defer("take the lab down", () => lab[Symbol.asyncDispose]());
    const all = Array.from({ length: targets }, (_, i) => i);
    const ports = backend.serves?.(backendOptions, targets)?.ports?.tcp;
    const servers = startServers(lab, ports && { at: { mode: "connect", protocol: "tcp", ports } });
    const [balancer] = await Promise.all([backend.deploy(lab, backendOptions, all), servers]);
    scope.defer("stop the balancer", () => balancer[Symbol.asyncDispose]());
    await keepLab({ lab, balancer, backend, backendOptions }, signal, () => process.stdout.write("ready\n"));
  } finally {
    await scope[Symbol.asyncDispose]();
  }
  return 0;
}

export async function stop(): Promise<number> {
  const socket = await connectSession();
  if (!socket) {
    process.stdout.write("No lab is running.\n");
    return 0;
  }
  orThrow(await ask(socket, { op: "stop" }));
  process.stdout.write("The lab is down.\n");
  return 0;
}

/** Exit code 3 when no lab is running; with `json` also `{"running": false}`. */
export async function status(options: { json: boolean }): Promise<number> {
  const socket = options.json ? await connectSession() : await requireSession();
  if (!socket) {
    process.stdout.write(`${JSON.stringify({ running: false })}\n`);
    return EXIT.infrastructure;
  }
  const { status: found } = orThrow(await ask(socket, { op: "status" }));
  if (options.json)
    process.stdout.write(`${JSON.stringify({ running: true, ...found, ...(found ? access(found) : {}) })}\n`);
  else if (found) process.stdout.write(statusText(found));
  return 0;
}

function statusText(status: SessionStatus): string {
  const { backend, runtime, pid, startedAt, targets, routers, testers } = status;
  const names = (active: boolean) => targets.flatMap((t) => (t.active === active ? [t.name] : [])).join(" ") || "none";
  return [
    `${backend} on ${runtime} since ${startedAt}, kept by process ${pid}`,
    `tester   ${testers.join(" ")}`,
    `routers  ${routers.join(" ")}`,
    `active   ${names(true)}`,
    `out      ${names(false)}`,
    ...accessText(status),
    "",
  ].join("\n");
}

export async function scale(change: { direction: "in" | "out"; numbers: number[] }): Promise<number> {
  const { direction, numbers: targets } = change;
  const reply = orThrow(await ask(await requireSession(), { op: "scale", direction, targets }));
  process.stdout.write(
    `In force after ${reply.inForceMs?.toFixed(1)} ms.\n${reply.status ? statusText(reply.status) : ""}`,
  );
  return 0;
}

export async function lookup({ json, ...query }: LookupArgs): Promise<number> {
  const { lookup: found } = orThrow(await ask(await requireSession(), { op: "lookup", ...query }));
  if (found) process.stdout.write(json ? `${JSON.stringify(found)}\n` : lookupText(found));
  return 0;
}

function lookupText({ flow: { source, destination, protocol }, now, after }: LookupAnswer): string {
  const at = ({ address, port }: Endpoint) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);
  const place = ({ target, slot, shares }: LookupAnswer["now"]) => {
    if (target !== null) return `${target}${slot === null ? "" : ` (${slot})`}`;
    const all = Object.entries(shares).map(([name, share]) => `${name} ${percent(share)}`);
    return all.length === 0 ? "no target" : `not decided by the flow alone: ${all.join(", ")}`;
  };
  const lines = [`${at(source)} -> ${at(destination)}, ${protocol.toUpperCase()}: ${place(now)}`];
  if (after) {
    const fate = after.lost === 0 ? "stays" : after.lost === 1 ? "is lost" : `is lost with probability ${after.lost}`;
    lines.push(`without ${after.without.join(" ")}: ${place(after)}; a connection that is open ${fate}`);
  }
  return `${lines.join("\n")}\n`;
}

export async function exec(machine: string, { rest, signal }: Context): Promise<number> {
  if (rest.length === 0) throw new UsageError(`Name a program, as in '${PROGRAM} exec vm-001 ip address'.`);
  const argv = [...rest];
  if (!isGroup(machine)) return runAttached(await sessionWith(machine), { machine, argv, tty: false }, signal);
  const { status: found } = orThrow(await ask(await requireSession(), { op: "status" }));
  if (!found) throw new LabError("The lab does not say which machines it has.");
  const codes = await Promise.all(
    GROUPS[machine](found).map(async (name) => {
      const outputs = labelled(name);
      const code = await runAttached(
        await requireSession(),
        { machine: name, argv, tty: false, outputs, input: false },
        signal,
      );
      outputs.end();
      return code;
    }),
  );
  return Math.max(...codes);
}

/** Throws UsageError where the lab has no such machine. */
async function sessionWith(machine: string) {
  const { status: found } = orThrow(await ask(await requireSession(), { op: "status" }));
  const { machines = [], targets = [], routers = [], testers = [] } = found ?? {};
  if (machine === "fabric" || machines.includes(machine)) return requireSession();
  const some = [targets[0]?.name, targets.at(-1)?.name].filter(Boolean).join(" to ");
  throw new UsageError(`There is no machine '${machine}' in this lab: it has ${list([some, ...routers, ...testers])}.`);
}

export async function shell(machine: string, signal: AbortSignal): Promise<number> {
  // A machine with a file system of its own may lack the user's shell.
  const argv = ["sh", "-c", '[ -x "$0" ] && exec "$0"; exec sh', process.env.SHELL || "/bin/sh"];
  return runAttached(await sessionWith(machine), { machine, argv, tty: process.stdin.isTTY === true }, signal);
}

export function orThrow(reply: SessionReply): Extract<SessionReply, { ok: true }> {
  if (reply.ok) return reply;
  throw reply.usage ? new UsageError(reply.error) : new LabError(reply.error);
}
