// SPDX-License-Identifier: Apache-2.0
import { setTimeout as sleep } from "node:timers/promises";
import test from "ava";
import { nowNs } from "../util/clock.ts";
import { Liveness, patienceNs, type Silence } from "./liveness.ts";

const MS = 1e6;

function watched() {
  const silences: Silence[] = [];
  const liveness = new Liveness(40 * MS, (silence) => silences.push(silence));
  return { silences, liveness };
}

test("a silence that is longer than the limit is reported with its span, and a shorter one is not", (t) => {
  const { silences, liveness } = watched();
  const server = liveness.watch({ of: "vm-001", role: "server", everyNs: 10 * MS });
  liveness.begin();
  const t0 = nowNs();
  server.beat(t0);
  server.beat(t0 + 49 * MS);
  t.deepEqual(silences, []);
  server.beat(t0 + 100 * MS);
  liveness.end();
  const [silence, ...more] = silences;
  t.like(silence, { of: "vm-001", role: "server", fromT: t0 + 49 * MS, t: t0 + 100 * MS, limitNs: 50 * MS });
  t.deepEqual(more, []);
});

test("before it begins nothing is reported; whoever is silent at the end is", async (t) => {
  const { silences, liveness } = watched();
  const server = liveness.watch({ of: "vm-001", role: "server", everyNs: 10 * MS });
  server.beat(1);
  server.beat(1e9);
  t.deepEqual(silences, []);
  liveness.begin();
  await sleep(80);
  liveness.end();
  t.is(silences.length, 1);
  t.true((silences[0]?.t ?? 0) - (silences[0]?.fromT ?? 0) >= 70 * MS);
});

test("how late this program was itself is told with the silence", (t) => {
  const { silences, liveness } = watched();
  const server = liveness.watch({ of: "vm-001", role: "server", everyNs: 10 * MS });
  liveness.begin();
  const t0 = nowNs();
  while (nowNs() < t0 + 200 * MS);
  server.beat(nowNs());
  liveness.end();
  t.true((silences[0]?.lagNs ?? 0) > 140 * MS, JSON.stringify(silences));
});

test("what has been silent for long is given up, once; what has ended is not", async (t) => {
  const { liveness } = watched();
  const ended = liveness.watch({ of: "ipv6", role: "generator", everyNs: 10 * MS, onGone: () => t.fail() });
  const gone = new Promise<string>((resolve) => {
    liveness.watch({ of: "ipv4", role: "generator", everyNs: 10 * MS, onGone: resolve });
  });
  liveness.begin();
  ended.end();
  t.regex(await gone, /^has said nothing for \d+\.\d s$/);
  liveness.end();
});

test("an emulated machine is given more time, and this machine's own capacity means nothing", (t) => {
  t.is(patienceNs({ connectionsPerS: 100, own: true }), patienceNs(undefined));
  t.true(patienceNs({ connectionsPerS: 100 }) > patienceNs(undefined));
});
