// SPDX-License-Identifier: Apache-2.0
// A running test, followed from a browser on this machine: a page, its events, and metrics for Prometheus. Nothing of it is reachable from elsewhere.
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Event, RunInfo } from "../record/schema.ts";
import type { Progress } from "../run/run.ts";
import { LabError } from "../runtime/runtime.ts";
import { guarded } from "../util/guard.ts";
import { livePage } from "./page.ts";
import { LiveState } from "./state.ts";
import { Watchers } from "./watchers.ts";

/** Pages, scrapers and who keeps a connection open for nothing: together no more, so that the run keeps its open files. */
const MOST_CONNECTIONS = 128;

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
  const watchers = new Watchers(() => state.all());
  const answers: Record<string, (response: http.ServerResponse) => void | Promise<void>> = {
    "/": async (response) => {
      const page = await livePage();
      response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" }).end(page);
    },
    "/metrics": (response) => {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(state.metrics());
    },
    "/events": (response) => watchers.add(response),
  };
  const serve = (request: http.IncomingMessage, response: http.ServerResponse) => {
    const refuse = (code: number) => void response.writeHead(code).end();
    // A page from elsewhere must not read this one by a name of its own that leads here.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? "")) return refuse(403);
    if (request.method !== "GET") return refuse(405);
    const [path = "/"] = (request.url ?? "/").split("?");
    const answer = Object.hasOwn(answers, path) ? answers[path] : undefined;
    return answer ? answer(response) : refuse(404);
  };
  const server = http.createServer(guarded(serve, (_error, _request, response) => response.destroy()));
  server.maxConnections = MOST_CONNECTIONS;
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
  } catch (cause) {
    throw new LabError(`Cannot follow the run at port ${port}: ${(cause as Error).message}. Try --live 0.`, { cause });
  }
  // No more files can be opened, for instance: who asks is not answered, and the run goes on.
  server.on("error", () => {});
  // A page that is left open does not keep a finished command alive.
  server.unref();
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    follow(run) {
      state = new LiveState(run);
      watchers.tell("state", state.all());
      return {
        event(event: Event) {
          const point = state.add(event);
          if (point) watchers.tell("point", point);
        },
      };
    },
    finish(verdict, headline) {
      state.finish(verdict, headline);
      watchers.tell("state", state.all());
    },
    async [Symbol.asyncDispose]() {
      watchers.end();
      server.close();
      server.closeAllConnections();
    },
  };
}
