// SPDX-License-Identifier: Apache-2.0
// The agent where it stands, without a sandbox: what it makes of frames that no harness sends.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";

const PROGRAM = fileURLToPath(new URL("../../build/agent", import.meta.url));
const BATCH = 7;
const UNKNOWN = 99;
const ERROR = 69;
const HEAD_BYTES = 12;

function head(length: number, id: number, type: number): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(id, 4);
  bytes.writeUInt8(type, 8);
  return bytes;
}

/** Batches in each other, the innermost empty. The n-th has the id n, from the outermost on. */
function nested(depth: number): Buffer {
  return Buffer.concat(
    Array.from({ length: depth }, (_, level) => head((depth - 1 - level) * HEAD_BYTES, level + 1, BATCH)),
  );
}

/** Sends the bytes, then the end of input; resolves with the errors by id and how the agent ended. */
function talk(bytes: Buffer): Promise<{ errors: Map<number, string>; code: number | null }> {
  const agent = spawn(PROGRAM, [], { stdio: ["pipe", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  agent.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  agent.stdin.on("error", () => {}); // it ended before it had read all
  agent.stdin.end(bytes);
  return new Promise((resolve) =>
    agent.on("close", (code) => {
      const said = Buffer.concat(chunks);
      const errors = new Map<number, string>();
      for (let at = 0; at + HEAD_BYTES <= said.length; ) {
        const payload = at + HEAD_BYTES;
        const next = payload + said.readUInt32LE(at);
        if (said.readUInt8(at + 8) === ERROR)
          errors.set(said.readUInt32LE(at + 4), said.toString("utf8", payload, next));
        at = next;
      }
      resolve({ errors, code });
    }),
  );
}

for (const depth of [2, 100_000])
  test(`${depth} nested batches are refused, and the agent goes on`, async (t) => {
    if (!existsSync(PROGRAM)) return t.fail(`Cannot find '${PROGRAM}'. Run 'make' first.`);
    const { errors, code } = await talk(Buffer.concat([nested(depth), head(0, 7_000_000, UNKNOWN)]));
    t.is(errors.get(2), "A batch cannot hold another batch.");
    t.is(errors.get(7_000_000), "The agent does not know frame type 99.");
    t.is(errors.size, 2);
    t.is(code, 0);
  });
