// SPDX-License-Identifier: Apache-2.0
import { EventEmitter, once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import test from "ava";
import { guarded } from "./guard.ts";

test("what a listener throws, at once or later, is refused with what it was called with; so is nothing else", async (t) => {
  const refused: unknown[] = [];
  const emitter = new EventEmitter();
  const listener = (word: string): unknown => {
    if (word === "at once") throw new Error(word);
    return word === "later" ? Promise.reject(new Error(word)) : word;
  };
  emitter.on(
    "word",
    guarded(listener, (error, word) => void refused.push([error.message, word])),
  );
  for (const word of ["fine", "at once", "later"]) t.notThrows(() => emitter.emit("word", word));
  await new Promise(setImmediate);
  t.deepEqual(refused, [
    ["at once", "at once"],
    ["later", "later"],
  ]);
});

test("a server whose listener throws ends that connection and serves the next, though the refusal throws too", async (t) => {
  const serve = ({ url = "" }: http.IncomingMessage, response: http.ServerResponse) =>
    void response.end(new URL(url, "http://localhost").pathname);
  const refuse = (_: Error, __: http.IncomingMessage, response: http.ServerResponse) => {
    response.destroy();
    throw new Error("of the refusal");
  };
  const server = http.createServer(guarded(serve, refuse)).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const get = (path: string) =>
    new Promise<number | string>((resolve) => {
      const request = http.get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    });
  t.is(await get("//"), "ECONNRESET");
  t.is(await get("/x"), 200);
});
