// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Cause, Event, Room } from "../record/schema.ts";
import { runInfo } from "../report/fixture-base.ts";
import { analyse } from "./analyse.ts";
import { connectionOf, S, streamEnd, streamStart } from "./connect-fixture.ts";
import { tooSmall } from "./room.ts";

const targets = ["vm-001", "vm-002", "vm-003", "vm-004"];
const N = 200;
const stateful: OracleSpec = { strategy: "stateful", flush: true, assign: null };
const table: Room = { what: "conntrack", option: "conntrackMax=50", most: 50, sure: 50 };
const ports: Room = { what: "snat_ports", option: "snatPorts=1-8", most: 8, sure: 8, inTurn: true };

interface Case {
  room: Room;
  established: number;
  said?: number;
  cause?: Cause;
  oracle?: OracleSpec;
  mode?: "connect" | "stream";
}

/** One family; the first so many connections are established, in turn. */
function summaryOf({ room, established, said = 3, cause = "timeout", oracle = stateful, mode = "stream" }: Case) {
  const name = room.what === "conntrack" ? "conntrack.table_full" : "conntrack.insert_failed";
  const events: Event[] = [
    { kind: "deployed", t: 0, backend: "test", active: targets, effectiveOptions: {}, oracle, room },
    streamStart({ mode, connections: N, dport: 5003 }),
    streamEnd(8),
    { kind: "counters", t: S, machine: "vm-201", moment: "before", values: { [name]: 1 } },
    { kind: "counters", t: 9 * S, machine: "vm-201", moment: "after", values: { [name]: 1 + said } },
    { kind: "counters", t: 9 * S, machine: "vm-221", moment: "after", values: {} },
  ];
  const connections = Array.from({ length: N }, (_, id) => {
    const isIn = id < established;
    return connectionOf({
      id,
      cause: isIn ? "none" : cause,
      target: isIn ? (targets[id % 4] ?? null) : null,
      startUs: id * 1000,
      establishedUs: isIn ? id * 1000 + 500 : null,
      endUs: isIn ? 8e6 : id * 1000 + 1.5e6,
      lastProgressUs: isIn ? 8e6 : 0,
      received: Number(isIn),
    });
  });
  return analyse(runInfo("test", "scale", targets, ["vm-201"]), { events, connections }).summary;
}

const sentences = (one: Case) => {
  const { room, reasons } = summaryOf(one);
  return { low: room?.low, high: room?.high, said: reasons.join(" ") };
};
const COMPLAINTS = /predicted|not established|does not say/;

test("what finds no room is no fault, where it is as many as predicted", (t) => {
  const full = sentences({ room: table, established: 50 });
  t.deepEqual([full.low, full.high], [50, 50]);
  t.notRegex(full.said, COMPLAINTS);
  const inTurn = sentences({ room: ports, established: 32 });
  t.deepEqual([inTurn.low, inTurn.high], [32, 32], "8 ports for each of 4 targets");
  t.notRegex(inTurn.said, COMPLAINTS);
});

test("one more, or one fewer, is a fault", (t) => {
  for (const established of [49, 51])
    t.regex(sentences({ room: table, established }).said, /holds 50 .*(49|51) of 200 .* established, 50 predicted/);
  t.regex(sentences({ room: ports, established: 31 }).said, /8 ports .*31 of 200 .* established, 32 predicted/);
});

test("what is refused otherwise, or without a word of the kernel, is a fault", (t) => {
  t.regex(
    sentences({ room: table, established: 50, cause: "reset" }).said,
    /150 connections .* were ended \(150 by reset\)/,
  );
  t.regex(sentences({ room: table, established: 50, said: 0 }).said, /does not say that there was no room/);
});

test("where all have room, what hangs is a fault as ever", (t) => {
  const wide = { ...table, most: 500, sure: 500 };
  t.regex(sentences({ room: wide, established: 150 }).said, /50 of 200 connections were not established/);
});

test("a hash that is known predicts target by target; by chance only bounds are known, as where connections pass", (t) => {
  const hashed: OracleSpec = {
    strategy: "stateful",
    flush: true,
    assign: { strategy: "modulo", seed: 0, ports: true },
  };
  const byHash = sentences({ room: { ...ports, most: 60, sure: 60 }, established: 200, oracle: hashed });
  t.deepEqual([byHash.low, byHash.high], [198, 198], "62 of the 200 are for one target");
  const byChance = sentences({
    room: { what: "snat_ports", option: "snatPorts=1-60", most: 60, sure: 60 },
    established: 200,
  });
  t.deepEqual([byChance.low, byChance.high], [100, 200]);
  t.deepEqual(sentences({ room: table, established: 50, mode: "connect" }).high, N);
});

test("before the start it is said what will not be let in", (t) => {
  const size = { connections: 200, families: 2, targets: 4 };
  t.regex(tooSmall(table, size).join(), /at most 50 of 200 are let in/);
  t.regex(tooSmall(ports, size).join(), /8 ports .* at most 64 of 200 are let in/);
  t.deepEqual(tooSmall(table, { ...size, connections: 50 }), []);
});
