// SPDX-License-Identifier: Apache-2.0
// Who follows a run by /events: so many at most, and none of them can make the run keep more than one message for it.
import type http from "node:http";
import type { LivePageState } from "./point.ts";

const MOST = 32;

export class Watchers {
  readonly #all: () => LivePageState;
  /** Whether it missed something, because it had not read what was sent before. */
  readonly #watching = new Map<http.ServerResponse, { missed: boolean }>();

  constructor(all: () => LivePageState) {
    this.#all = all;
  }

  /** Who comes late gets what was; who is one too many is told to come later. */
  add(response: http.ServerResponse): void {
    if (this.#watching.size >= MOST) {
      response.writeHead(503, { "retry-after": "5" }).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    const watcher = { missed: false };
    this.#watching.set(response, watcher);
    response.on("close", () => this.#watching.delete(response));
    response.on("drain", () => {
      if (!watcher.missed) return;
      watcher.missed = false;
      response.write(message("state", this.#all()));
    });
    response.write(message("state", this.#all()));
  }

  /** Who does not read as fast as this is told gets the whole state once it has read. */
  tell(name: string, data: unknown): void {
    const text = message(name, data);
    for (const [response, watcher] of this.#watching) {
      if (response.writableNeedDrain) watcher.missed = true;
      else response.write(text);
    }
  }

  end(): void {
    for (const response of this.#watching.keys()) response.end();
  }
}

const message = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
