// SPDX-License-Identifier: Apache-2.0
// A lab that stays up between commands. A keeper process holds it; the commands talk to the keeper over a socket that only
// its user can reach. When the keeper ends, by whatever cause, the lab ends with it.

import { lstatSync, rmdirSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { LabError } from "../runtime/runtime.ts";
import { makeDirs } from "../util/make-dirs.ts";
import { PROGRAM } from "../util/typed.ts";
import { type LookupAnswer, lookupQuery } from "./lookup.ts";

// NUL ends a string in the agent's protocol, and 16 bits hold a terminal's size.
const text = z.string().refine((s) => !s.includes("\0"), "a NUL character");
const short = z.int().min(0).max(0xffff);

export const sessionRequest = z.discriminatedUnion("op", [
  z.object({ op: z.literal("status") }),
  z.object({ op: z.literal("stop") }),
  z.object({ op: z.literal("scale"), direction: z.enum(["in", "out"]), targets: z.array(z.number()).min(1) }),
  lookupQuery.extend({ op: z.literal("lookup") }),
  z.object({
    op: z.literal("spawn"),
    machine: text,
    argv: z.array(text).min(1).max(0xffff),
    tty: z.object({ rows: short, columns: short }).optional(),
    env: z.record(text, text).optional(),
  }),
]);
export type SessionRequest = z.infer<typeof sessionRequest>;

export interface SessionStatus {
  backend: string;
  runtime: string;
  pid: number;
  startedAt: string;
  targets: { name: string; active: boolean }[];
  routers: string[];
  /** The first of the testers. */
  tester: string;
  testers: string[];
  /** All of them. */
  machines: string[];
}

export type SessionReply =
  | { ok: true; status?: SessionStatus; inForceMs?: number; lookup?: LookupAnswer }
  | { ok: false; usage: boolean; error: string };

export function socketPath(): string {
  const runtimeDir = process.env.XDG_RUNTIME_DIR;
  const dir = path.join(runtimeDir || os.tmpdir(), `load-balancer-${process.geteuid?.() ?? 0}`);
  return path.join(dir, "lab.sock");
}

/** Makes the socket's folder, closed to others. Throws LabError when it is not ours alone. */
export function prepareSocket(): string {
  const file = socketPath();
  makeDirs(path.dirname(file), 0o700);
  checkFolder(path.dirname(file));
  return file;
}

/** Below /tmp anybody may have made the folder first: whoever owns it could answer in the keeper's place. */
function checkFolder(dir: string): void {
  const found = lstatSync(dir, { throwIfNoEntry: false });
  if (!found || (found.isDirectory() && found.uid === process.geteuid?.() && (found.mode & 0o077) === 0)) return;
  throw new LabError(
    `'${dir}' is not a private folder of this user. Remove it, or set XDG_RUNTIME_DIR to a folder of your own.`,
  );
}

/** Nothing else in the folder is ours to remove. */
export function removeSocket(): void {
  const file = socketPath();
  rmSync(file, { force: true });
  try {
    rmdirSync(path.dirname(file));
  } catch {
    // Gone already, or somebody keeps something there.
  }
}

/** Connects to the keeper of the running lab; null when none runs. What a killed keeper left behind is removed. */
export async function connectSession(): Promise<net.Socket | null> {
  const file = socketPath();
  checkFolder(path.dirname(file));
  return new Promise((resolve, reject) => {
    const socket = net.connect(file);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve(null);
      else if (error.code === "ECONNREFUSED") {
        removeSocket();
        resolve(null);
      } else reject(new LabError(`Cannot reach the running lab: ${error.message}`, { cause: error }));
    });
  });
}

export async function requireSession(): Promise<net.Socket> {
  const socket = await connectSession();
  if (!socket) throw new LabError(`No lab is running. Run '${PROGRAM} start <backend>' first.`);
  return socket;
}

/** Asks the keeper for one thing and returns its answer. */
export async function ask(socket: net.Socket, request: SessionRequest): Promise<SessionReply> {
  socket.write(`${JSON.stringify(request)}\n`);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (text === "") throw new LabError("The lab ended before it answered.");
  return JSON.parse(text) as SessionReply;
}
