// SPDX-License-Identifier: Apache-2.0
import { PassThrough } from "node:stream";
import test from "ava";
import { hostileBytes, randomNumbers } from "../testing/hostile.ts";
import { Agent } from "./agent.ts";
import { encodeFrame, FRAME } from "./frame.ts";
import { LabError } from "./runtime.ts";

const HELLO = encodeFrame(0, FRAME.hello, Buffer.from('{"version":"1","pid":7,"rootless":false}'));

/** An agent that is made up: what it says, and a request and a program that wait for it. */
function agentThatSays(bytes: Buffer) {
  const [input, output] = [new PassThrough(), new PassThrough()];
  input.resume();
  const agent = new Agent(input, output);
  const waiting = [agent.ready, agent.clock(), agent.spawn("", ["true"], {}).exited];
  output.end(bytes);
  return Promise.allSettled([...waiting, agent.ended]);
}

test("an exit that is too short, or a greeting that is no JSON, ends the agent, and nothing waits for it", async (t) => {
  for (const bytes of [
    Buffer.concat([HELLO, encodeFrame(2, FRAME.exit, Buffer.from([1]))]),
    encodeFrame(0, FRAME.hello, Buffer.from("{")),
  ]) {
    const [ready, clock, exited, ended] = await agentThatSays(bytes);
    t.is(ready?.status === "fulfilled", bytes.length > HELLO.length);
    for (const one of [clock, exited]) {
      const { reason } = one as PromiseRejectedResult;
      t.true(reason instanceof LabError);
      t.regex((reason as LabError).message, /^The lab's agent sent invalid data\. /);
    }
    t.is(ended?.status, "fulfilled");
  }
});

test("whatever bytes an agent sends, all that waits for it has an end", async (t) => {
  const random = randomNumbers(15);
  const good = [
    HELLO,
    encodeFrame(1, FRAME.done, Buffer.alloc(8)),
    encodeFrame(2, FRAME.stdout, Buffer.from("out")),
    encodeFrame(2, FRAME.exit, Buffer.alloc(24)),
    encodeFrame(2, FRAME.error, Buffer.from("no such file")),
  ];
  for (let n = 0; n < 2000; n++) {
    const bytes = Buffer.concat([HELLO, hostileBytes(good, random), hostileBytes(good, random)]);
    const settled = await agentThatSays(bytes);
    t.is(settled.at(-1)?.status, "fulfilled", bytes.toString("hex"));
  }
});
