// SPDX-License-Identifier: Apache-2.0
// The agent's protocol, the harness' end. images/agent/frame.h is the contract: a 12-byte header (length, id, type) and a payload.
import { LabError } from "./runtime.ts";

export const FRAME = {
  machine: 1,
  spawn: 2,
  stdin: 3,
  close: 4,
  signal: 5,
  resize: 6,
  clock: 8,
  hello: 64,
  started: 65,
  stdout: 66,
  stderr: 67,
  exit: 68,
  error: 69,
  done: 70,
} as const;

const HEAD_BYTES = 12;
/** FRAME_MAX of the agent. */
const MAX_PAYLOAD_BYTES = 64 << 20;
const SPAWN_KEEP_STDIN = 1;
const SPAWN_TTY = 2;

export interface Frame {
  id: number;
  type: number;
  payload: Buffer;
}

export function encodeFrame(id: number, type: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const frame = Buffer.alloc(HEAD_BYTES + payload.length);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt32LE(id, 4);
  frame.writeUInt8(type, 8);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

export interface SpawnRequest {
  machine: string;
  argv: readonly string[];
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  /** Written to stdin, which then ends unless `keepStdin`. */
  input?: string | Uint8Array;
  keepStdin?: boolean;
  tty?: { rows: number; columns: number };
}

export function encodeSpawn(request: SpawnRequest): Buffer {
  const env = Object.entries(request.env ?? {}).map(([key, value]) => `${key}=${value}`);
  const head = Buffer.alloc(10);
  head.writeUInt16LE((request.keepStdin ? SPAWN_KEEP_STDIN : 0) | (request.tty ? SPAWN_TTY : 0), 0);
  head.writeUInt16LE(request.argv.length, 2);
  head.writeUInt16LE(env.length, 4);
  head.writeUInt16LE(request.tty?.rows ?? 0, 6);
  head.writeUInt16LE(request.tty?.columns ?? 0, 8);
  return Buffer.concat([
    head,
    encodeStrings([request.machine, request.cwd ?? "", ...request.argv, ...env]),
    Buffer.from(request.input ?? ""),
  ]);
}

export function encodeStrings(strings: readonly string[]): Buffer {
  return Buffer.from(strings.map((s) => `${s}\0`).join(""));
}

/** Cuts a byte stream into frames; keeps what is not whole yet, and joins it once it is. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #length = 0;
  /** So many bytes make the next step possible: a header, or a whole frame. */
  #needed = HEAD_BYTES;

  /** Throws LabError at a header that no peer sends. */
  *push(chunk: Buffer): Generator<Frame> {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    while (this.#length >= this.#needed) {
      const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
      const payloadBytes = bytes.readUInt32LE(0);
      if (payloadBytes > MAX_PAYLOAD_BYTES)
        throw new LabError(`Invalid frame: ${payloadBytes} bytes, at most ${MAX_PAYLOAD_BYTES} are allowed.`);
      const end = HEAD_BYTES + payloadBytes;
      const isWhole = bytes.length >= end;
      const rest = isWhole ? bytes.subarray(end) : bytes;
      [this.#chunks, this.#length, this.#needed] = [[rest], rest.length, isWhole ? HEAD_BYTES : end];
      chunk = rest;
      if (isWhole)
        yield { id: bytes.readUInt32LE(4), type: bytes.readUInt8(8), payload: bytes.subarray(HEAD_BYTES, end) };
    }
  }
}
