// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from "node:fs";
import test from "ava";
import { analyzeCtraffic, connectionsPerSecond, contradictions, hosts, parseCtraffic, throughput } from "./ctraffic.ts";

const S = 1e9;

const connection = (Connect: number, Ended: number, Err: string, Host: string) => ({
  Started: Math.max(0, Connect - 0.001) * S,
  Connect: Connect * S,
  Ended: Ended * S,
  Err,
  Sent: 1,
  Received: 1,
  Dropped: 0,
  Retransmits: 0,
  Local: "",
  Remote: "",
  Host,
});

const stats = {
  Started: "2025-01-01T00:00:00Z",
  Duration: 3 * S,
  Rate: 10,
  Connections: 3,
  PacketSize: 1024,
  FailedConnections: 1,
  Sent: 60,
  Received: 50,
  Dropped: 2,
  Retransmits: 0,
  FailedConnects: 1,
  ConnStats: [
    connection(0.1, 3, "", "vm-002"),
    connection(0.2, 3, "", "vm-010"),
    connection(0.3, 1.5, "reset", "vm-002"),
    connection(0, 1.6, "refused", ""),
    connection(1.7, 3, "", "vm-010"),
  ],
  Samples: [
    { Time: 1 * S, Sent: 20, Received: 20, Dropped: 0 },
    { Time: 2 * S, Sent: 40, Received: 30, Dropped: 2 },
    { Time: 2.5 * S, Sent: 50, Received: 40, Dropped: 2 },
  ],
};

test("throughput is per second, whatever lies between two samples", (t) => {
  t.deepEqual(throughput(stats), [
    { time: 0.5, sent: 20, received: 20, dropped: 0 },
    { time: 1.5, sent: 20, received: 10, dropped: 2 },
    { time: 2.25, sent: 20, received: 20, dropped: 0 },
  ]);
});

test("connections are alive until they are lost, and one that never answered has failed", (t) => {
  t.deepEqual(connectionsPerSecond(stats), [
    { time: 1, alive: 3, new: 3, lost: 0, failed: 0 },
    { time: 2, alive: 3, new: 1, lost: 1, failed: 1 },
    { time: 3, alive: 3, new: 0, lost: 0, failed: 0 },
  ]);
});

test("hosts are listed in natural order with what they lost and kept", (t) => {
  t.deepEqual(hosts(stats), [
    { host: "vm-002", lost: 1, lasting: 1 },
    { host: "vm-010", lost: 0, lasting: 2 },
  ]);
});

test("analyses are printed as aligned columns with a header", (t) => {
  t.is(analyzeCtraffic("hosts", stats), "host   lost lasting\nvm-002 1    1\nvm-010 0    2\n");
  t.is(analyzeCtraffic("connections", stats).split("\n")[0], "time alive new lost failed");
  t.is(analyzeCtraffic("throughput", stats).split("\n")[1], "0.5  20   20       0");
});

test("the original's files are read, with fields left out and lists null", (t) => {
  const { ConnStats: _, ...summary } = stats;
  t.deepEqual(parseCtraffic(JSON.stringify({ ...summary, Samples: null })), { ...stats, ConnStats: [], Samples: [] });
  const bare = { Started: 0, Connect: 1, Ended: 2, Sent: 0, Received: 0, Dropped: 0, Retransmits: 0 };
  t.is(parseCtraffic(JSON.stringify({ ...stats, ConnStats: [bare] })).ConnStats[0]?.Host, "");
});

test("what is no statistics file is refused with the reason", (t) => {
  t.throws(() => parseCtraffic("nonsense"), { message: /not JSON/ });
  t.throws(() => parseCtraffic("{}"), { message: /'Started'/ });
  t.throws(() => analyzeCtraffic("throughput", { ...stats, Samples: [] }), { message: /no samples/ });
});

const published = (name: string) =>
  parseCtraffic(readFileSync(new URL(`../testing/cases/${name}`, import.meta.url), "utf8"));

test("a file with totals only has no connections to show, and none is invented", (t) => {
  const summary = published("ctraffic-summary.json");
  for (const analysis of ["connections", "hosts"] as const)
    t.throws(() => analyzeCtraffic(analysis, summary), {
      message: "The file holds no connections: write it with '-stats all'.",
    });
  t.throws(() => analyzeCtraffic("throughput", summary), { message: /holds no samples/ });
});

test("samples at one time are one sample, and every rate is a number", (t) => {
  const rows = throughput(published("ctraffic-udp-early.json"));
  t.deepEqual(rows, [
    { time: 0.5, sent: 4, received: 4, dropped: 0 },
    { time: 1.5, sent: 3, received: 2, dropped: 0 },
  ]);
});

test("connections whose target is not known are listed so, and those that never connected are not", (t) => {
  t.deepEqual(hosts(published("ctraffic-udp-early.json")), [{ host: "(unknown)", lost: 1, lasting: 1 }]);
});

test("totals that the rows contradict are named", (t) => {
  const early = published("ctraffic-udp-early.json");
  t.deepEqual(contradictions(early), []);
  t.deepEqual(contradictions({ ...early, Sent: 12 }), ["Sent is 12, but the connections add up to 9."]);
});
