// SPDX-License-Identifier: Apache-2.0
// Records written by hand: connections over both families through a path of 1300 bytes that drops ICMP errors.
import test from "ava";
import type { Connection, Event } from "../record/schema.ts";
import { machines, runInfo, streamStart } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { largestInTunnel, largestPacket } from "./path-mtu.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 2);
const run = runInfo("nftables", "pmtu", targets, []);
type Path = Extract<Event, { kind: "path" }>;

const row = (family: 4 | 6, id: number, isAnswered: boolean): Connection => ({
  stream: `ipv${family}`,
  id,
  generation: 0,
  cause: isAnswered ? "none" : "timeout",
  srcOffset: id + 1,
  sport: 2000 + id,
  target: isAnswered ? (targets[id % 2] ?? null) : null,
  movedTo: null,
  startUs: id * 1000,
  establishedUs: isAnswered ? id * 1000 + 200 : null,
  endUs: 10e6,
  longestGapUs: 0,
  lastProgressUs: isAnswered ? 9.9e6 : id * 1000,
  sent: 10,
  received: isAnswered ? 10 : 0,
});

const of = (family: 4 | 6, answered: (id: number) => boolean) =>
  Array.from({ length: 50 }, (_, id) => row(family, id, answered(id)));

function summaryOf(path: Partial<Path>, connections: Connection[], { arrived = 1e4, refused = 0 } = {}) {
  const ends = { userUs: 1, systemUs: 1, lateSends: 0, maxLateUs: 0 };
  const v6 = { stream: "ipv6", family: 6, srcCidr: "2000::/112", dst: "1000::" } as const;
  const events: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "nftables", active: targets, effectiveOptions: {}, oracle: null },
    { kind: "path", t: T0 - S, mtu: 1300, icmp: "drop", size: 1240, ...path },
    streamStart(T0, 50, 1e6),
    { ...streamStart(T0, 50, 1e6), ...v6 },
    { kind: "rows", t: 0, stream: "ipv4", offset: 0, count: 50 },
    { kind: "rows", t: 0, stream: "ipv6", offset: 50, count: 50 },
    { kind: "stream_end", t: T0 + 10 * S, stream: "ipv4", ...ends },
    { kind: "stream_end", t: T0 + 10 * S, stream: "ipv6", ...ends },
    { kind: "counters", t: 0, machine: "vm-221", moment: "after", values: { ipOut: 1e4 } },
    { kind: "counters", t: 0, machine: "vm-001", moment: "after", values: { ipIn: arrived } },
    { kind: "counters", t: 0, machine: "vm-201", moment: "after", values: { icmpErrorsOut: refused } },
  ];
  return analyse(run, { events, connections }).summary;
}

const ipv6Hangs = [...of(4, () => true), ...of(6, () => false)];
const allLive = [...of(4, () => true), ...of(6, () => true)];

test("an answer's largest packet is its bytes and its headers, unless the MSS is clamped", (t) => {
  t.is(largestPacket({ size: 1240 }, 4), 1292);
  t.is(largestPacket({ size: 1240 }, 6), 1312);
  t.is(largestPacket({ size: 8000, clampMtu: 1300 }, 6), 1300);
});

test("where answers are too large over IPv6 alone, exactly its connections hang, and that is a black hole", (t) => {
  const { verdict, reasons, pathMtu } = summaryOf({}, ipv6Hangs);
  t.is(verdict, "pass", reasons.join("\n"));
  t.like(pathMtu, { hang: 50, predicted: 50, mispredicted: 0 });
  t.true(reasons.some((text) => text.startsWith("Path MTU black hole: ICMP filtered: 50 of 100 connections hang")));
});

test("connections that live although their answers do not fit are mispredicted, and so are those that hang although they do", (t) => {
  const lives = summaryOf({}, [...of(4, () => true), ...of(6, (id) => id === 7)]);
  t.is(lives.verdict, "fail");
  t.like(lives.pathMtu, { hang: 49, mispredicted: 1 });
  const hangs = summaryOf({}, [...of(4, (id) => id !== 7), ...of(6, () => false)]);
  t.is(hangs.verdict, "fail");
  t.like(hangs.pathMtu, { hang: 51, mispredicted: 1 });
});

test("with a clamped MSS none may hang; a clamp above the path MTU cures nothing", (t) => {
  t.is(summaryOf({ size: 8000, clampMtu: 1300 }, allLive).verdict, "pass");
  t.is(summaryOf({ size: 8000, clampMtu: 1300 }, ipv6Hangs).verdict, "fail");
  t.is(summaryOf({ size: 8000, clampMtu: 1400 }, allLive).verdict, "fail");
});

test("where ICMP errors pass none may hang", (t) => {
  t.is(summaryOf({ icmp: "pass", size: 8000, clampMtu: 1300 }, allLive).verdict, "pass");
});

test("a tunnel's header makes requests too large for the links, unless targets announce a smaller MSS", (t) => {
  const tunnel = { ipv4: 20, ipv6: 40 };
  t.is(largestInTunnel({ size: 1420, tunnel }, 4), 1492);
  t.is(largestInTunnel({ size: 1420, tunnel }, 6), 1532);
  t.is(largestInTunnel({ size: 8000, tunnel: { ...tunnel, announceMtu: 1300 } }, 6), 1340);
  const clamped = { size: 1420, clampMtu: 1300 };
  const found = summaryOf({ ...clamped, tunnel }, ipv6Hangs);
  t.is(found.verdict, "pass", found.reasons.join("\n"));
  t.like(found.pathMtu, { hang: 50, predicted: 50, byTunnel: 50, mispredicted: 0 });
  t.true(found.reasons.some((text) => text.includes("their tunnel's header") && text.includes("announceMtu=1300")));
  t.is(summaryOf({ ...clamped, tunnel }, allLive).verdict, "fail");
  t.is(summaryOf({ ...clamped, tunnel: { ...tunnel, announceMtu: 1300 } }, allLive).verdict, "pass");
  t.is(summaryOf({ ...clamped, tunnel: { ...tunnel, announceMtu: 1300 } }, ipv6Hangs).verdict, "fail");
});

test("packets that a router answers by ICMP, as they do not fit into its tunnel, are accounted for", (t) => {
  const tunnel = { ipv4: 20, ipv6: 40 };
  const of = (path: Partial<Path>) =>
    summaryOf({ size: 1420, clampMtu: 1300, ...path }, ipv6Hangs, { arrived: 9e3, refused: 1e3 });
  t.like(of({ tunnel }).packets, { unaccounted: 0, dropped: { too_large_for_tunnel: 1000 } });
  t.is(of({ tunnel }).verdict, "pass");
  t.is(of({}).packets.unaccounted, 1000);
});
