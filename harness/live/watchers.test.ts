// SPDX-License-Identifier: Apache-2.0
import type http from "node:http";
import { PassThrough } from "node:stream";
import test from "ava";
import { LiveState } from "./state.ts";
import { Watchers } from "./watchers.ts";

test("who does not read costs the run one message, and gets the whole state once it reads", (t) => {
  const watchers = new Watchers(() => new LiveState(null).all());
  const response = Object.assign(new PassThrough({ highWaterMark: 1000 }), { writeHead() {} });
  watchers.add(response as unknown as http.ServerResponse);
  for (let n = 0; n < 10_000; n++) watchers.tell("point", { n, note: "x".repeat(100) });
  t.true(response.writableLength + response.readableLength < 3000);
  let text = "";
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return new Promise<void>((resolve) => {
    setTimeout(() => {
      watchers.tell("point", { n: 10_000 });
      watchers.end();
    }, 50);
    response.on("end", () => {
      const told = text.split("\n\n");
      t.regex(told[0] ?? "", /^event: state\n/);
      t.regex(told.at(-3) ?? "", /^event: state\n/, "what it missed");
      t.is(told.at(-2), 'event: point\ndata: {"n":10000}', "and from then on each point");
      resolve();
    });
  });
});
