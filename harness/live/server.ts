// SPDX-License-Identifier: Apache-2.0
// A running test, followed from a browser on this machine: a page, its events, and metrics for Prometheus. Nothing of it is reachable from elsewhere.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Event, RunInfo } from "../record/schema.ts";
import type { Progress } from "../run/run.ts";
import { LabError } from "../runtime/runtime.ts";
import { livePage } from "./page.ts";
import { LiveState } from "./state.ts";

export interface Live extends AsyncDisposable {
  [Symbol.asyncDispose](): Promise<void>;
  url: string;
  /** Takes the place of the run before. */
  follow(run: RunInfo): Progress;
  /** Tells the pages what came out. */
  finish(verdict: string, headline: string): void;
}

/** Port 0 takes a free one. Throws LabError when the port is taken. */
export async function startLive(port: number): Promise<Live> {
  let state = new LiveState(null);
  const watching = new Set<http.ServerResponse>();
  const tell = (name: string, data: unknown) => {
    for (const response of watching) response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const answers: Record<string, (response: http.ServerResponse) => void | Promise<void>> = {
    "/": async (response) => {
      const page = await livePage();
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(page);
    },
    "/metrics": (response) => {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(state.metrics());
    },
    "/events": (response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      watching.add(response);
      response.on("close", () => watching.delete(response));
      // Who comes late gets what was.
      response.write(`event: state\ndata: ${JSON.stringify(state.all())}\n\n`);
    },
  };
  const server = http.createServer((request, response) => {
    const refuse = (code: number) => void response.writeHead(code).end();
    // A page from elsewhere must not read this one by a name of its own that leads here.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")) return refuse(403);
    if (request.method !== "GET") return refuse(405);
    const [path = "/"] = (request.url ?? "/").split("?");
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
    if (!answer) return refuse(404);
    Promise.resolve(answer(response)).catch(() => response.destroy());
  });
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch (cause) {
    throw new LabError(`Cannot follow the run at port ${port}: ${(cause as Error).message}. Try --live 0.`, { cause });
  }
  // A page that is left open does not keep a finished command alive.
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    follow(run) {
      state = new LiveState(run);
      tell("state", state.all());
      return {
        event(event: Event) {
          const point = state.add(event);
          if (point) tell("point", point);
        },
      };
    },
    finish(verdict, headline) {
      state.finish(verdict, headline);
      tell("state", state.all());
    },
    async [Symbol.asyncDispose]() {
      for (const response of watching) response.end();
      server.close();
      server.closeAllConnections();
    },
  };
}
