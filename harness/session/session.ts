// A lab that stays up between commands. A keeper process holds it; the commands talk to the keeper over a socket that only
// its user can reach. When the keeper ends, by whatever cause, the lab ends with it.
import { mkdirSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { LabError } from "../runtime/runtime.ts";

export type SessionRequest =
  | { op: "status" }
  | { op: "stop" }
  | { op: "scale"; direction: "in" | "out"; targets: number[] }
  | {
      op: "spawn";
      machine: string;
      argv: string[];
      tty?: { rows: number; columns: number };
      env?: Record<string, string>;
    };

export interface SessionStatus {
  backend: string;
  runtime: string;
  pid: number;
  startedAt: string;
  targets: { name: string; active: boolean }[];
  routers: string[];
  tester: string;
}

export type SessionReply =
  | { ok: true; status?: SessionStatus; inForceMs?: number }
  | { ok: false; usage: boolean; error: string };

export function socketPath(): string {
  const runtimeDir = process.env.XDG_RUNTIME_DIR;
  const dir = path.join(runtimeDir || os.tmpdir(), `load-balancer-${process.geteuid?.() ?? 0}`);
  return path.join(dir, "lab.sock");
}

/** Makes the socket's folder, closed to others. */
export function prepareSocket(): string {
  const file = socketPath();
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  return file;
}

/** Connects to the keeper of the running lab; null when none runs. What a killed keeper left behind is removed. */
export async function connectSession(): Promise<net.Socket | null> {
  const file = socketPath();
  return new Promise((resolve, reject) => {
    const socket = net.connect(file);
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") resolve(null);
      else if (error.code === "ECONNREFUSED") {
        rmSync(path.dirname(file), { recursive: true, force: true });
        resolve(null);
      } else reject(new LabError(`Cannot reach the running lab: ${error.message}`, { cause: error }));
    });
  });
}

export async function requireSession(): Promise<net.Socket> {
  const socket = await connectSession();
  if (!socket) throw new LabError("No lab is running. Run './load-balancer.ts start <backend>' first.");
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
