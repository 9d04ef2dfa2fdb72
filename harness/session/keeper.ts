// SPDX-License-Identifier: Apache-2.0
import type net from "node:net";
import path from "node:path";
import { z } from "zod";
import type { Backend, BackendOptions, Balancer } from "../api/backend.ts";
import { checkedSpec } from "../oracle/oracle.ts";
import { encodeFrame, FRAME, type Frame, FrameReader } from "../runtime/frame.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { UsageError } from "../util/errors.ts";
import { guarded } from "../util/guard.ts";
import { listenAtSocket } from "./listen.ts";
import { type LookupQuery, lookUp } from "./lookup.ts";
import { type SessionReply, type SessionRequest, type SessionStatus, sessionRequest } from "./session.ts";

const MAX_REQUEST_BYTES = 4 << 20;

export interface Held {
  lab: Lab;
  balancer: Balancer;
  backend: Pick<Backend, "name" | "oracle">;
  backendOptions: BackendOptions;
}

/** Serves a running lab until someone asks it to stop, the signal aborts or the lab ends. Throws LabError when another is running. */
export async function keepLab(held: Held, signal: AbortSignal, onListening: () => void): Promise<void> {
  held.lab.clock.pace();
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const session = new KeptLab(held, finish);
  const socket = await listenAtSocket(
    guarded(
      (connection: net.Socket) => serve(connection, held.lab, session),
      (_error, connection) => connection.destroy(),
    ),
  );
  try {
    onListening();
    if (signal.aborted) finish();
    signal.addEventListener("abort", () => finish(), { once: true });
    const broken = held.lab.ended.then((why) => {
      throw new LabError(`The lab broke: ${why}.`);
    });
    await Promise.race([finished, broken, socket.lost]);
  } finally {
    socket.close();
  }
}

/** What is asked of a lab that runs. Requests that change its state are carried out one after another. */
export class KeptLab {
  readonly #held: Held;
  readonly #finish: () => void;
  readonly #startedAt = new Date().toISOString();
  /** Indices of the active targets, after each change; the last is in force. */
  readonly #history: number[][];
  /** The last change under way; never rejects. */
  #changed: Promise<unknown> = Promise.resolve();

  constructor(held: Held, finish: () => void) {
    this.#held = held;
    this.#finish = finish;
    this.#history = [[...held.lab.topology.targets.keys()]];
  }

  get #active(): ReadonlySet<number> {
    return new Set(this.#history.at(-1));
  }

  async answer(request: Exclude<SessionRequest, { op: "spawn" }>): Promise<SessionReply> {
    switch (request.op) {
      case "status":
        return { ok: true, status: this.#status() };
      case "scale":
        return this.#afterOthers(() => this.#scale(request.direction, request.targets));
      case "lookup":
        return { ok: true, lookup: this.#lookup(request) };
      case "stop":
        this.#finish();
        return { ok: true };
    }
  }

  #afterOthers<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#changed.then(change);
    this.#changed = done.catch(() => {});
    return done;
  }

  #lookup(query: LookupQuery) {
    const { lab, backend, backendOptions } = this.#held;
    const { targets } = lab.topology;
    const spec = checkedSpec(backend.oracle(backendOptions, targets.length, query.protocol), backend.name);
    if (!spec) throw new UsageError(`'${backend.name}' has no oracle: nobody can say where its packets go.`);
    return lookUp({ spec, names: targets.map(({ name }) => name), history: this.#history }, query);
  }

  #status(): SessionStatus {
    const { lab, backend } = this.#held;
    const { targets, routers, tester, testers, machines } = lab.topology;
    return {
      backend: backend.name,
      runtime: lab.runtime,
      pid: process.pid,
      startedAt: this.#startedAt,
      targets: targets.map(({ name }, i) => ({ name, active: this.#active.has(i) })),
      routers: routers.map((r) => r.name),
      tester: tester.name,
      testers: testers.map(({ name }) => name),
      machines: machines.map(({ name }) => name),
    };
  }

  async #scale(direction: "in" | "out", numbers: readonly number[]): Promise<SessionReply> {
    const { lab, balancer } = this.#held;
    const { length } = lab.topology.targets;
    const wrong = numbers.find((n) => !Number.isInteger(n) || n < 1 || n > length);
    if (wrong !== undefined) throw new UsageError(`There is no target ${wrong}: this lab has 1 to ${length}.`);
    const next = new Set(this.#active);
    for (const n of numbers) next[direction === "in" ? "delete" : "add"](n - 1);
    if (next.size === 0) throw new UsageError("At least one target must remain.");
    const requestedT = lab.clock.now();
    const active = [...next].sort((a, b) => a - b);
    const effectiveT = await balancer.setTargets(active);
    this.#history.push(active);
    return { ok: true, inForceMs: (effectiveT - requestedT) / 1e6, status: this.#status() };
  }
}

function serve(socket: net.Socket, lab: Lab, session: KeptLab): void {
  socket.on("error", () => {});
  onRequest(socket, (request, rest) => {
    if (request.op === "spawn") return bridge(lab, request, socket, rest);
    session
      .answer(request)
      .catch((error: Error) => ({ ok: false as const, usage: error instanceof UsageError, error: error.message }))
      .then((reply) => {
        // Who asked for the end is told that it has come by the connection's end: the kernel's, with this process.
        if (request.op === "stop") socket.unref().write(JSON.stringify(reply));
        else socket.end(JSON.stringify(reply));
      })
      .catch(() => socket.destroy());
  });
}

/** Waits for the line that says what is wanted; `rest` is what came behind it. What is no request is told so. */
function onRequest(socket: net.Socket, handle: (request: SessionRequest, rest: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const read = (chunk: Buffer) => {
    const newline = chunk.indexOf(10);
    const length = newline < 0 ? bytes + chunk.length : bytes + newline;
    bytes += chunk.length;
    chunks.push(chunk);
    if (newline < 0 && length <= MAX_REQUEST_BYTES) return;
    socket.off("data", onData);
    let request: SessionRequest;
    const all = Buffer.concat(chunks);
    try {
      if (length > MAX_REQUEST_BYTES) throw new Error(`longer than ${MAX_REQUEST_BYTES} bytes`);
      request = sessionRequest.parse(JSON.parse(all.subarray(0, length).toString()));
    } catch (error) {
      const why = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
      const reply: SessionReply = { ok: false, usage: true, error: `Invalid request to a lab: ${why}` };
      // What still comes is read and dropped, so that the answer is not lost with it.
      socket.resume().end(JSON.stringify(reply));
      return;
    }
    handle(request, all.subarray(length + 1));
  };
  const onData = guarded(read, () => socket.destroy());
  socket.on("data", onData);
}

/** A process in a machine, its streams and its exit as frames over the socket. */
function bridge(lab: Lab, request: Extract<SessionRequest, { op: "spawn" }>, socket: net.Socket, rest: Buffer): void {
  const send = (type: number, payload?: Uint8Array) => {
    if (socket.writable) socket.write(encodeFrame(0, type, payload));
  };
  const reader = new FrameReader();
  try {
    const child = lab.host(request.machine).spawn(request.argv, {
      keepStdin: true,
      env: {
        PATH: `${path.dirname(lab.program("traffic"))}:${process.env.PATH ?? ""}:/usr/sbin:/sbin`,
        ...request.env,
      },
      ...(request.tty ? { tty: request.tty } : {}),
      onStdout: (chunk) => send(FRAME.stdout, chunk),
      onStderr: (chunk) => send(FRAME.stderr, chunk),
    });
    const onFrame = ({ type, payload }: Frame) => {
      if (type === FRAME.stdin) child.write(payload);
      else if (type === FRAME.close) child.closeStdin();
      else if (type === FRAME.signal) child.signal(payload[0] ?? 15);
      else if (type === FRAME.resize && payload.length >= 4)
        child.resize(payload.readUInt16LE(0), payload.readUInt16LE(2));
    };
    const readFrames = (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) onFrame(frame);
    };
    const onData = guarded(readFrames, ({ message }) => {
      // The process ends with its socket.
      socket.off("data", onData).resume();
      socket.end(encodeFrame(0, FRAME.error, Buffer.from(message)));
    });
    onData(rest);
    socket.on("data", onData);
    socket.on("close", () => child.signal(9));
    child.exited.then(
      (exit) => socket.end(encodeFrame(0, FRAME.exit, Buffer.from(JSON.stringify(exit)))),
      (error: Error) => socket.end(encodeFrame(0, FRAME.error, Buffer.from(error.message))),
    );
  } catch (error) {
    socket.end(encodeFrame(0, FRAME.error, Buffer.from((error as Error).message)));
  }
}
