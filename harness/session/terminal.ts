import type { Socket } from "node:net";
import { encodeFrame, FRAME, FrameReader } from "../runtime/frame.ts";
import { type Exit, LabError } from "../runtime/runtime.ts";
import type { SessionRequest } from "./session.ts";

/** Runs a program in a machine of the running lab with our own stdin, stdout and stderr, as a terminal if `tty`. Returns its exit code. */
export async function runAttached(socket: Socket, machine: string, argv: string[], tty: boolean): Promise<number> {
  const size = () => ({ rows: process.stdout.rows ?? 24, columns: process.stdout.columns ?? 80 });
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
  if (raw) stdin.setRawMode(true);
  stdin.on("data", onData).on("end", onEnd);
  process.stdout.on("resize", onResize);
  try {
    return await exitCodeFrom(socket);
  } finally {
    if (raw) stdin.setRawMode(false);
    stdin.off("data", onData).off("end", onEnd);
    process.stdout.off("resize", onResize);
    stdin.pause();
    socket.destroy();
  }
}

function exitCodeFrom(socket: Socket): Promise<number> {
  const reader = new FrameReader();
  return new Promise((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      for (const { type, payload } of reader.push(chunk)) {
        if (type === FRAME.stdout) process.stdout.write(payload);
        else if (type === FRAME.stderr) process.stderr.write(payload);
        else if (type === FRAME.error) reject(new LabError(payload.toString()));
        else if (type === FRAME.exit) {
          const exit = JSON.parse(payload.toString()) as Exit;
          resolve(exit.code ?? 128 + exit.signal);
        }
      }
    });
    socket.on("close", () => reject(new LabError("The lab ended.")));
    socket.on("error", reject);
  });
}
