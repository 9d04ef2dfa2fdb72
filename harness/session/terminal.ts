// SPDX-License-Identifier: Apache-2.0
import type { Socket } from "node:net";
import { encodeFrame, FRAME, type Frame, FrameReader } from "../runtime/frame.ts";
import { type Exit, LabError } from "../runtime/runtime.ts";
import { signalNumber } from "../util/abortable.ts";
import { guarded } from "../util/guard.ts";
import type { SessionRequest } from "./session.ts";

/** What a program has to end after a signal, before it is killed. */
const GRACE_MS = 3000;

export interface Outputs {
  stdout(chunk: Buffer): void;
  stderr(chunk: Buffer): void;
}

export const OWN_OUTPUTS: Outputs = {
  stdout: (chunk) => void process.stdout.write(chunk),
  stderr: (chunk) => void process.stderr.write(chunk),
};

interface Attached {
  machine: string;
  argv: string[];
  tty: boolean;
  /** Absent: our own stdout and stderr. */
  outputs?: Outputs;
  /** false: it does not get our stdin. */
  input?: boolean;
}

/**
 * Runs a program in a machine of the running lab with our own stdin, stdout and stderr, as a terminal if `tty`. Returns
 * its exit code. An abort is passed on to it as the signal that it was, and is then the exit code: 128 + its number.
 */
export async function runAttached(
  socket: Socket,
  { machine, argv, tty, outputs = OWN_OUTPUTS, input = true }: Attached,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const size = () => ({ rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 });
  const request: SessionRequest = {
    op: "spawn",
    machine,
    argv,
    ...(tty ? { tty: size(), env: { TERM: process.env.TERM ?? "xterm" } } : {}),
  };
  socket.write(`${JSON.stringify(request)}\n`);
  const send = (type: number, payload?: Uint8Array) => void socket.write(encodeFrame(0, type, payload));
  const { stdin } = process;
  const raw = tty && stdin.isTTY;
  const onData = (chunk: Buffer) => send(FRAME.stdin, chunk);
  const onEnd = () => send(FRAME.close);
  const onResize = () => send(FRAME.resize, new Uint8Array(Uint16Array.of(size().rows, size().columns).buffer));
  let killer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    send(FRAME.signal, Uint8Array.of(signalNumber(signal), 0, 0, 0));
    // The keeper kills what runs for a connection that has ended.
    killer = setTimeout(() => socket.destroy(), GRACE_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (raw) stdin.setRawMode(true);
  if (input) stdin.on("data", onData).on("end", onEnd);
  else onEnd();
  process.stdout.on("resize", onResize);
  try {
    const code = await exitCodeFrom(socket, outputs);
    return signal.aborted ? 128 + signalNumber(signal) : code;
  } catch (error) {
    if (signal.aborted) return 128 + signalNumber(signal);
    throw error;
  } finally {
    clearTimeout(killer);
    signal.removeEventListener("abort", onAbort);
    if (raw) stdin.setRawMode(false);
    stdin.off("data", onData).off("end", onEnd);
    process.stdout.off("resize", onResize);
    stdin.pause();
    socket.destroy();
  }
}

function exitCodeFrom(socket: Socket, outputs: Outputs): Promise<number> {
  const reader = new FrameReader();
  return new Promise((resolve, reject) => {
    const onFrame = ({ type, payload }: Frame) => {
      if (type === FRAME.stdout) outputs.stdout(Buffer.from(payload));
      else if (type === FRAME.stderr) outputs.stderr(Buffer.from(payload));
      else if (type === FRAME.error) reject(new LabError(payload.toString()));
      else if (type === FRAME.exit) {
        const exit = JSON.parse(payload.toString()) as Exit;
        resolve(exit.code ?? 128 + exit.signal);
      }
    };
    const read = (chunk: Buffer) => {
      for (const frame of reader.push(chunk)) onFrame(frame);
    };
    socket.on("data", guarded(read, reject));
    socket.on("close", () => reject(new LabError("The lab ended.")));
    socket.on("error", reject);
  });
}
