// SPDX-License-Identifier: Apache-2.0
// From frames of a made-up connection to what is said of it, and to a file that Wireshark's own tools read.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runProgram } from "../host/program.ts";
import { addressBytes } from "../oracle/hash.ts";
import { isSkipped } from "../testing/skip.ts";
import { clientKey } from "./client-key.ts";
import { readFrame, TCP_FLAGS } from "./frame.ts";
import { hopText, isReset, tappedIn } from "./journey.ts";
import { pcapng } from "./pcapng.ts";
import { readTap, type TapPacket, TapReader, tapBytes } from "./records.ts";
import { packetsOf, wantedKeys } from "./select.ts";
import { Watcher } from "./watch.ts";

const [CLIENT, VIP] = ["50.0.3.7", "10.0.0.0"];
const { SYN, RST, ACK } = TCP_FLAGS;

interface Made {
  from: string;
  to: number;
  isRequest?: boolean;
  flags: number;
  seq?: number;
  payload?: number;
  sport?: number;
}

/** A frame of IPv4 and TCP, cut behind its header as the tap does with long ones. */
function frame({ to, isRequest = true, flags, seq = 1, payload = 0, sport = 4711 }: Made): {
  data: Buffer;
  length: number;
} {
  const data = Buffer.alloc(54);
  data.set([0, 0, 0, 1, 1, to], 0);
  data.writeUInt16BE(0x0800, 12);
  data.writeUInt8(0x45, 14);
  data.writeUInt16BE(40 + payload, 16);
  data.writeUInt8(6, 23);
  const [src, dst] = isRequest ? [CLIENT, VIP] : [VIP, CLIENT];
  data.set(src.split(".").map(Number), 26);
  data.set(dst.split(".").map(Number), 30);
  data.writeUInt16BE(isRequest ? sport : 5003, 34);
  data.writeUInt16BE(isRequest ? 5003 : sport, 36);
  data.writeUInt32BE(seq, 38);
  data.writeUInt8(0x50, 46);
  data.writeUInt8(flags, 47);
  return { data, length: 54 + payload };
}

const packet = (made: Made, t: number): TapPacket => ({ machine: made.from, net: "net1", t, ...frame(made) });

const life = [
  packet({ from: "vm-221", to: 201, flags: SYN }, 10),
  packet({ from: "vm-201", to: 3, flags: SYN }, 20),
  packet({ from: "vm-003", to: 201, isRequest: false, flags: SYN | ACK }, 30),
  packet({ from: "vm-221", to: 201, flags: ACK, payload: 1024 }, 40),
  packet({ from: "vm-004", to: 201, isRequest: false, flags: RST }, 50),
];

test("packets are the same after they were written and read, and what was cut is left out", (t) => {
  const bytes = tapBytes(life);
  t.deepEqual(readTap(bytes).packets, life);
  t.is(readTap(bytes).counts, null);
  t.deepEqual(readTap(bytes.subarray(0, -1)).packets, life.slice(0, -1));
});

test("what a kernel said is the same after it was written and read, and belongs to the packet's connection", (t) => {
  const of = (machine: string, at: number) => ({ machine, t: at, ...frame({ from: "vm-221", to: 201, flags: ACK }) });
  const drops = [
    { ...of("vm-201", 60), what: "dropped" as const, reason: "IP_RPFILTER", where: "ip_rcv_finish_core" },
    { ...of("vm-004", 50), what: "reset" as const, reason: "NO_SOCKET", where: "" },
  ];
  const bytes = tapBytes(life, drops);
  t.deepEqual(readTap(bytes).drops, drops);
  t.deepEqual(readTap(bytes).packets, life);
  const { drops: byClient } = tappedIn(bytes);
  t.deepEqual(
    byClient.get(clientKey(addressBytes(CLIENT), 4711, 6))?.map(({ reason }) => reason),
    ["NO_SOCKET", "IP_RPFILTER"],
  );
});

test("records are read as they come, a byte at a time too", (t) => {
  const reader = new TapReader();
  const packets = [...tapBytes(life)].flatMap((byte) => reader.push(Buffer.of(byte)));
  t.deepEqual(packets, life);
});

test("who looks on is told the target, who resets, and where a SYN is stuck", (t) => {
  const lines = (packets: readonly TapPacket[]) => {
    const watcher = new Watcher(["vm-001", "vm-002", "vm-003", "vm-004"]);
    return packets.flatMap((one) => watcher.see(one) ?? []);
  };
  const passedOn = packet({ from: "vm-201", to: 221, isRequest: false, flags: RST }, 60);
  t.deepEqual(lines([...life, passedOn]), ["50.0.3.7:4711 -> vm-003 by vm-201", "50.0.3.7:4711 RST by vm-004"]);
  const [syn] = life;
  const again = packet({ from: "vm-221", to: 201, flags: SYN }, 1e9 + 10);
  t.deepEqual(lines([syn as TapPacket, again]), [
    "50.0.3.7:4711 no answer after 1.0 s: its SYN was last seen on its way to vm-201",
  ]);
  const proxy = packet({ from: "vm-201", to: 221, isRequest: false, flags: SYN | ACK }, 20);
  t.deepEqual(lines([syn as TapPacket, proxy]), ["50.0.3.7:4711 answered by vm-201"]);
  t.deepEqual(lines([packet({ from: "vm-221", to: 201, flags: RST }, 5)]), ["50.0.3.7:4711 RST by the client"]);
});

test("a journey has each hop with both machines, and says what the packet was", (t) => {
  const hops = tappedIn(tapBytes(life)).journeys.get(clientKey(addressBytes(CLIENT), 4711, 6)) ?? [];
  t.deepEqual(
    hops.map((hop) => `${hop.from} ${hop.to} ${hopText(hop)}`),
    [
      "vm-221 vm-201 SYN",
      "vm-201 vm-003 SYN",
      "vm-003 vm-201 SYN ACK",
      "vm-221 vm-201 1024 bytes",
      "vm-004 vm-201 RST",
    ],
  );
  t.is(hops.find(isReset)?.from, "vm-004");
});

test("an ICMP error belongs to the connection that it quotes", (t) => {
  const quoted = frame({ from: "", to: 1, flags: ACK }).data.subarray(14);
  const error = Buffer.concat([frame({ from: "", to: 221, flags: 0 }).data.subarray(0, 34), Buffer.alloc(8), quoted]);
  error.writeUInt8(1, 23);
  error.set([3, 1], 34);
  const read = readFrame(error, error.length);
  t.deepEqual(read?.icmp, { family: 4, type: 3, code: 1 });
  t.is(read?.sport, 4711);
  for (let n = 0; n < error.length; n++) t.notThrows(() => readFrame(error.subarray(0, n), error.length));
});

test("packets of lost connections and of those asked for are kept, and no others", (t) => {
  const flow = (sport: number) => ({
    src: addressBytes(CLIENT),
    dst: addressBytes(VIP),
    sport,
    dport: 5003,
    protocol: 6,
  });
  const candidate = (id: number, cause: "none" | "reset") => ({
    connection: { id, cause } as never,
    flow: flow(4711 + id),
    source: id === 2 ? "50.0.9.9" : CLIENT,
    isLate: false,
  });
  const all = [candidate(0, "reset"), candidate(1, "none"), candidate(2, "none"), candidate(3, "none")];
  const wanted = wantedKeys(all, { sources: ["50.0.9.9"], every: 3 });
  const packets = [0, 1, 2, 3].map((id) => packet({ from: "vm-221", to: 201, flags: SYN, sport: 4711 + id }, 10 - id));
  t.deepEqual(
    packetsOf(packets, wanted).map(({ t: at }) => at),
    [7, 8, 10],
  );
});

const CAPINFOS = "/usr/bin/capinfos";

test("capinfos and tshark read what is written: interfaces, comments, times", async (t) => {
  if (isSkipped(t, existsSync(CAPINFOS) ? [] : ["Wireshark's tools are not installed. Run './setup --test'."])) return;
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-pcapng-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, "lost.pcapng");
  const machines = ["vm-003", "vm-004", "vm-201", "vm-221"];
  const packets = life.map(({ machine, t: ns, length, data }, i) => ({
    interface: machines.indexOf(machine),
    t: 1_700_000_000_000_000_000n + BigInt(ns),
    length,
    data,
    comments: i === 4 ? ["RST by vm-004", "moved by table"] : [],
    id: i,
  }));
  const interfaces = machines.map((name) => ({ name, description: `sent by ${name}`, snap: 128 }));
  writeFileSync(
    file,
    pcapng({ comment: "a test", application: "load-balancer", interfaces, names: [[VIP, "vip"]], packets }),
  );
  const { stdout: info } = await runProgram([CAPINFOS, file]);
  t.regex(info, /Number of packets: +5\n/);
  t.regex(info, /Number of interfaces in file: 4\n/);
  t.regex(info, /Capture comment: +a test\n/);
  t.notRegex(info, /cut short|damaged|malformed/i);
  const fields = ["frame.interface_name", "frame.time_epoch", "tcp.flags.str", "frame.comment"];
  const { stdout } = await runProgram(["tshark", "-r", file, "-T", "fields", ...fields.flatMap((one) => ["-e", one])]);
  const [first, , , , last] = stdout.split("\n").map((line) => line.split("\t"));
  t.is(first?.[0], "vm-221");
  t.is(first?.[1], "1700000000.000000010");
  t.is(last?.[0], "vm-004");
  t.regex(last?.[3] ?? "", /RST by vm-004,moved by table/);
});
