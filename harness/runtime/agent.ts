// SPDX-License-Identifier: Apache-2.0
import type { Readable, Writable } from "node:stream";
import { type Clock, monotonic } from "../util/clock.ts";
import { guarded } from "../util/guard.ts";
import { encodeFrame, encodeSpawn, encodeStrings, FRAME, type Frame, FrameReader } from "./frame.ts";
import {
  CommandError,
  type ExecOptions,
  type Exit,
  type Host,
  LabError,
  type Output,
  type Process,
  type SpawnOptions,
} from "./runtime.ts";

/** The agent has so long to tell that a program which took too long has been ended. */
const SILENT_MS = 30_000;

interface Request {
  onFrame(frame: Frame): void;
  onGone(error: Error): void;
}

/** Talks to one agent over its stdin and stdout: the one way in which every runtime runs things in machines. */
export class Agent {
  readonly #input: Writable;
  readonly #clock: Clock;
  readonly #requests = new Map<number, Request>();
  #nextId = 1;
  #gone: Error | null = null;
  /** Resolves when the agent speaks for the first time. */
  readonly ready: Promise<{ version: string; pid: number; rootless: boolean }>;
  /** Resolves when the agent is gone, for whatever reason. */
  readonly ended: Promise<void>;
  /** The lab's time of a moment of the agent's own clock. */
  labTime = (t: number): number => t;

  constructor(input: Writable, output: Readable, clock: Clock = monotonic) {
    this.#input = input;
    this.#clock = clock;
    const reader = new FrameReader();
    this.ready = this.#request(0, (frame) => JSON.parse(frame.payload.toString()));
    this.ready.catch(() => {});
    const onData = (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) this.#requests.get(frame.id)?.onFrame(frame);
    };
    output.on(
      "data",
      guarded(onData, ({ message }) => {
        this.lost(`The lab's agent sent invalid data. ${message}`);
        output.destroy();
      }),
    );
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.lost("The lab's agent has ended.");
        resolve();
      };
      output.on("close", end);
      output.on("error", end);
      input.on("error", end);
    });
  }

  /** Fails everything under way and all that comes. */
  lost(why: string): void {
    if (this.#gone) return;
    this.#gone = new LabError(why);
    for (const request of this.#requests.values()) request.onGone(this.#gone);
    this.#requests.clear();
  }

  makeMachines(names: readonly string[]): Promise<void> {
    const id = this.#nextId++;
    const done = this.#request(id, () => {});
    this.#send(id, FRAME.machine, encodeStrings(names));
    return done;
  }

  /** CLOCK_MONOTONIC of the agent in ns; with an offset, moves that of all programs started from now on. Before the first of them. */
  clock(offsetNs?: number): Promise<number> {
    const id = this.#nextId++;
    const done = this.#request(id, (frame) => Number(frame.payload.readBigInt64LE(0)));
    this.#send(
      id,
      FRAME.clock,
      offsetNs === undefined ? undefined : new Uint8Array(BigInt64Array.of(BigInt(offsetNs)).buffer),
    );
    return done;
  }

  /** `machine` as the agent knows it; `name` as the user does. */
  host(machine: string, name: string = machine || "fabric"): Host {
    return {
      name,
      exec: (argv, options) => this.#exec(machine, name, argv, options ?? {}),
      spawn: (argv, options) => this.spawn(machine, argv, options ?? {}),
      clock: this.#clock,
      labTime: (t) => this.labTime(t),
    };
  }

  spawn(machine: string, argv: readonly string[], options: SpawnOptions): Process {
    const id = this.#nextId++;
    const exited = new Promise<Exit>((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      this.#requests.set(id, {
        onGone: reject,
        onFrame: (frame) => {
          if (frame.type === FRAME.stdout) options.onStdout?.(frame.payload);
          else if (frame.type === FRAME.stderr) options.onStderr?.(frame.payload);
          else if (frame.type === FRAME.exit || frame.type === FRAME.error) {
            // A frame that cannot be read ends the agent, and with it what waits for it.
            if (frame.type === FRAME.exit) resolve(decodeExit(frame.payload));
            else reject(new LabError(frame.payload.toString()));
            this.#requests.delete(id);
          }
        },
      });
    });
    exited.catch(() => {});
    this.#send(id, FRAME.spawn, encodeSpawn({ ...options, machine, argv }));
    return {
      exited,
      write: (data) => this.#send(id, FRAME.stdin, data),
      closeStdin: () => this.#send(id, FRAME.close),
      signal: (number) => this.#send(id, FRAME.signal, Uint8Array.of(number, 0, 0, 0)),
      resize: (rows, columns) => this.#send(id, FRAME.resize, new Uint8Array(Uint16Array.of(rows, columns).buffer)),
    };
  }

  async #exec(machine: string, name: string, argv: readonly string[], options: ExecOptions): Promise<Output> {
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const process = this.spawn(machine, argv, {
      ...options,
      onStdout: (chunk) => stdout.push(chunk),
      onStderr: (chunk) => stderr.push(chunk),
    });
    const timeoutMs = options.timeoutMs ?? 30_000;
    let late = false;
    const cancel = this.#clock.at(this.#clock.now() + timeoutMs * 1e6, () => {
      late = true;
      process.signal(9);
    });
    try {
      const exit = await this.#clock.within(process.exited, timeoutMs + SILENT_MS, () => {
        return new LabError(
          `Machine '${name}' does not answer: '${argv.join(" ").slice(0, 200)}' could not be stopped.`,
        );
      });
      const output = { ...exit, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
      if (output.code === 0 || options.check === false) return output;
      throw late && output.signal === 9
        ? new LabError(
            `'${argv.join(" ").slice(0, 200)}' in machine '${name}' took longer than ${timeoutMs / 1000} s and was stopped.`,
          )
        : new CommandError(name, argv, output);
    } finally {
      cancel();
    }
  }

  /** One answer, of any type but an error. */
  #request<T>(id: number, decode: (frame: Frame) => T): Promise<T> {
    const answer = new Promise<T>((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      this.#requests.set(id, {
        onGone: reject,
        onFrame: (frame) => {
          if (frame.type === FRAME.error) reject(new LabError(frame.payload.toString()));
          else resolve(decode(frame));
          this.#requests.delete(id);
        },
      });
    });
    return this.#clock.during(answer);
  }

  #send(id: number, type: number, payload?: Uint8Array): void {
    if (!this.#gone) this.#input.write(encodeFrame(id, type, payload));
  }
}

function decodeExit(body: Buffer): Exit {
  const code = body.readInt32LE(0);
  return {
    code: code < 0 ? null : code,
    signal: body.readInt32LE(4),
    userUs: Number(body.readBigUInt64LE(8)),
    systemUs: Number(body.readBigUInt64LE(16)),
  };
}
