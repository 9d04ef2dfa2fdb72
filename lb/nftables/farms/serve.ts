// SPDX-License-Identifier: Apache-2.0
// nftlb's REST service: JSON over HTTP, with a key.
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { Answer, Control } from "./control.ts";
import { FarmError } from "./errors.ts";

/** A list of 100,000 elements has 3 MB. */
const MAX_BODY = 64 * 1024 * 1024;

export interface ServeOptions {
  host: string;
  port: number;
  key: string;
}

/** Resolves when it listens. */
export async function serve(control: Control, { host, port, key }: ServeOptions): Promise<Server> {
  const server = createServer((request, response) => {
    void answer(control, request, key).then(({ status, body }) => {
      const text = `${JSON.stringify(body, null, 8)}\n`;
      response.writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
      response.end(text);
    });
  });
  // A client that has said all it will (nc, for one) still gets its answer; Node.js has no type for this.
  Object.assign(server, { httpAllowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return server;
}

async function answer(control: Control, request: IncomingMessage, key: string): Promise<Answer> {
  if (!isSame(request.headers.key, key)) return { status: 401, body: { response: "error: the Key is not right" } };
  try {
    const text = await bodyOf(request);
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    return await control.handle(request.method ?? "GET", pathname, text === "" ? {} : JSON.parse(text));
  } catch (error) {
    const status = error instanceof FarmError ? error.status : error instanceof SyntaxError ? 400 : 500;
    return { status, body: { response: `error: ${(error as Error).message}` } };
  }
}

function isSame(given: string | string[] | undefined, key: string): boolean {
  const one = Buffer.from(typeof given === "string" ? given : "");
  const other = Buffer.from(key);
  return one.length === other.length && timingSafeEqual(one, other);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw new FarmError(`The body has more than ${MAX_BODY / 1024 / 1024} MiB.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
