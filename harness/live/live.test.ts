// SPDX-License-Identifier: Apache-2.0
import http from "node:http";
import net from "node:net";
import test from "ava";
import type { Event, Sample } from "../record/schema.ts";
import { scaleRun } from "../report/fixture.ts";
import { LabError } from "../runtime/runtime.ts";
import { hostileBytes, randomNumbers } from "../testing/hostile.ts";
import { eventually } from "../testing/machine.ts";
import { startLive } from "./server.ts";
import { LiveState } from "./state.ts";

const sample = (t: number, alive: number, lost = 0): Sample => ({
  kind: "sample",
  t,
  stream: "ipv4",
  alive,
  connecting: 0,
  established: alive,
  failedConnects: 0,
  lost: lost > 0 ? { reset: lost } : {},
  sent: 10,
  received: 9,
  lateSends: 0,
  maxLateUs: 0,
  perTarget: { "vm-001": alive },
  hist: [],
});
const scale: Event = {
  kind: "scale",
  t: 3e9,
  action: "scale_in",
  machines: ["vm-001"],
  requestedT: 3e9,
  effectiveT: 3e9,
};

function get(url: string, headers: Record<string, string> = {}, method = "GET") {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const request = http.request(url, { headers, method, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    request.on("error", reject).end();
  });
}

test("a page follows the run: what was, each point, what came out; and it ends with the program", async (t) => {
  const live = await startLive(0);
  t.regex(live.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  const { run } = scaleRun();
  const progress = live.follow(run);
  progress.event?.(sample(1e9, 5));
  const events: string[] = [];
  let tell = () => {};
  const arrived = (n: number) =>
    new Promise<void>((resolve) => {
      tell = () => events.join("").split("\n\n").length > n && resolve();
      tell();
    });
  const ended = new Promise<void>((resolve, reject) => {
    http
      .get(`${live.url}events`, (response) => {
        response.setEncoding("utf8").on("data", (chunk: string) => {
          events.push(chunk);
          tell();
        });
        response.on("close", resolve);
      })
      .on("error", reject);
  });
  await arrived(1);
  progress.event?.(sample(2e9, 7, 2));
  progress.event?.(scale);
  live.finish("pass", "All is well.");
  await arrived(4);
  const text = events.join("");
  t.regex(text, /^event: state\ndata: \{"case":"nfqueue_scale","seed":1,.*"alive":5/);
  t.regex(text, /event: point\ndata: \{[^\n]*"alive":7,"lost":2\}/);
  t.regex(text, /"note":"scale_in of vm-001"/);
  t.regex(text, /"outcome":\{"verdict":"pass","headline":"All is well\."\}/);
  const page = await get(live.url);
  t.regex(page.text, /connect-src 'self'/);
  t.regex(
    (await get(`${live.url}metrics`)).text,
    /^lb_connections_lost_total\{case="nfqueue_scale",stream="ipv4",cause="reset"\} 2$/m,
  );
  await live[Symbol.asyncDispose]();
  await ended;
  await t.throwsAsync(get(live.url), { code: "ECONNREFUSED" });
});

test("a path that is no path is answered with 404, and the page goes on", async (t) => {
  const live = await startLive(0);
  t.teardown(() => live[Symbol.asyncDispose]());
  const { port } = new URL(live.url);
  for (const path of ["//", "/%", "/\\", "/__proto__", "http://[", "*"]) {
    const status = await new Promise((resolve, reject) => {
      const request = http.get({ host: "127.0.0.1", port, path, agent: false }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      });
      request.on("error", reject);
    });
    t.is(status, 404, path);
  }
  t.is((await get(live.url)).status, 200);
});

test("whatever bytes come, the page goes on", async (t) => {
  const live = await startLive(0);
  t.teardown(() => live[Symbol.asyncDispose]());
  const { port } = new URL(live.url);
  const random = randomNumbers(1);
  const request = (line: string, more = "") =>
    Buffer.from(`${line} HTTP/1.1\r\nHost: localhost:${port}\r\n${more}\r\n`);
  const good = [
    request("GET /"),
    request("GET /metrics"),
    request("GET //"),
    request("CONNECT localhost:1"),
    request("POST /events", "Content-Length: 3\r\n"),
    request("GET /events", "Upgrade: h2c\r\nConnection: Upgrade\r\n"),
    request("OPTIONS *", "Expect: 100-continue\r\n"),
  ];
  const send = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      const socket = net.connect(Number(port), "127.0.0.1", () => {
        socket.write(bytes);
        setTimeout(() => socket.destroy(), 2);
      });
      socket.on("error", () => {}).on("close", () => resolve());
    });
  for (let n = 0; n < 30; n++) await Promise.all(Array.from({ length: 20 }, () => send(hostileBytes(good, random))));
  t.is((await get(`${live.url}metrics`)).status, 200);
});

/** A reader of /events, which reads when it is told to. */
async function follow(url: string): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.get(`${url}events`, { agent: false }, resolve).on("error", reject);
  });
}

test("32 may follow a run at once; one more is told to come later, and comes when another has gone", async (t) => {
  const live = await startLive(0);
  t.teardown(() => live[Symbol.asyncDispose]());
  const readers = await Promise.all(Array.from({ length: 32 }, () => follow(live.url)));
  t.true(readers.every(({ statusCode }) => statusCode === 200));
  const late = await follow(live.url);
  t.like(late, { statusCode: 503, headers: { "retry-after": "5" } });
  readers[0]?.destroy();
  t.true(await eventually(async () => (await follow(live.url)).statusCode === 200, 3000));
});

test("a page from elsewhere gets nothing, and nothing can be changed", async (t) => {
  const live = await startLive(0);
  t.teardown(() => live[Symbol.asyncDispose]());
  t.is((await get(`${live.url}metrics`, { host: "evil.example" })).status, 403);
  t.is((await get(live.url, {}, "POST")).status, 405);
  t.is((await get(`${live.url}../../etc/passwd`)).status, 404);
  await t.throwsAsync(startLive(Number(new URL(live.url).port)), { instanceOf: LabError, message: /Try --live 0/ });
});

test("metrics are Prometheus' text: types, one line for each value, quotes escaped", (t) => {
  const { run } = scaleRun();
  const state = new LiveState({ ...run, case: 'a"b\n' });
  state.add({ kind: "phase", t: 0, phase: "traffic", edge: "begin" });
  state.add(sample(1e9, 5));
  const lines = state.metrics().trimEnd().split("\n");
  for (const line of lines)
    t.regex(line, /^(# (HELP|TYPE) lb_\w+ .+|lb_\w+\{case="a\\"b\\n"(,\w+="[^"]*")*\} [\d.e+]+)$/);
  t.true(lines.includes('lb_target_connections{case="a\\"b\\n",stream="ipv4",target="vm-001"} 5'));
});

test("the course of a long run is thinned, and its events are kept", (t) => {
  const state = new LiveState(null);
  state.add(sample(0, 1));
  state.add(scale);
  for (let i = 0; i < 10_000; i++) state.add(sample(i * 1e8, i));
  const { points } = state.all();
  t.true(points.length <= 1200);
  t.is(points.filter(({ note }) => note !== undefined).length, 1);
});
