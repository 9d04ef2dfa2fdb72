// SPDX-License-Identifier: Apache-2.0
// The socket by which commands find a lab. A lab that nobody finds cannot be stopped: who holds it looks after its socket.

import { chmodSync, linkSync, rmSync, statSync } from "node:fs";
import net from "node:net";
import { LabError } from "../runtime/runtime.ts";
import { PROGRAM } from "../util/typed.ts";
import { prepareSocket, removeSocket, socketPath } from "./session.ts";

const CHECK_MS = 500;

export interface Listening {
  /** Rejects with LabError when the socket is gone and cannot be made again. */
  lost: Promise<never>;
  close(): void;
}

/** A socket that was removed, by whoever cleans up below /tmp, is made again. Throws LabError when another lab has one. */
export async function listenAtSocket(onConnection: (socket: net.Socket) => void): Promise<Listening> {
  let here = await listen(onConnection);
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const close = () => {
    closed = true;
    clearTimeout(timer);
    here.server.close();
    if (isThere(here.inode)) removeSocket();
  };
  const check = async () => {
    if (isThere(here.inode)) return;
    here.server.close();
    here = await listen(onConnection);
    if (closed) close();
  };
  const lost = new Promise<never>((_, reject) => {
    const again = () => {
      if (closed) return;
      timer = setTimeout(() => check().then(again, fail), CHECK_MS);
    };
    const fail = ({ message }: Error) =>
      reject(
        new LabError(
          `The lab's socket '${socketPath()}' is gone and cannot be made again, so the lab ends: ${message}`,
        ),
      );
    again();
  });
  lost.catch(() => {});
  return { lost, close };
}

function isThere(inode: number): boolean {
  return statSync(socketPath(), { throwIfNoEntry: false })?.ino === inode;
}

/**
 * Listens by a name of its own, and then has the socket's name linked to it: a link never takes the place of another lab's,
 * and the end of a server removes its own name only.
 */
async function listen(onConnection: (socket: net.Socket) => void): Promise<{ server: net.Server; inode: number }> {
  const file = prepareSocket();
  const own = `${file}.${process.pid}`;
  const server = net.createServer(onConnection);
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(own, resolve));
    // No more files can be opened, for instance: who connects is not answered, and the lab stays.
    server.on("error", () => {});
    chmodSync(own, 0o600);
    linkSync(own, file);
    const { ino: inode } = statSync(own);
    rmSync(own);
    return { server, inode };
  } catch (error) {
    server.close();
    const { code, message } = error as NodeJS.ErrnoException;
    throw new LabError(
      code === "EEXIST"
        ? `A lab is already running. Run '${PROGRAM} stop' first.`
        : `Cannot listen on '${file}': ${message}`,
      { cause: error },
    );
  }
}
