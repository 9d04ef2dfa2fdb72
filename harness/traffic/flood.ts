// SPDX-License-Identifier: Apache-2.0
// Others beside the load: packets from sources that never answer, what they find full, and what became of it.
import { SYN_COOKIES } from "../record/base.ts";
import type { RecordWriter } from "../record/record.ts";
import type { EventOf } from "../record/schema.ts";
import type { Lab } from "../runtime/runtime.ts";
import { linkOn, type Machine, SPOOFED } from "../topology/topology.ts";
import { spoofedBatch } from "../topology/wiring.ts";
import { clientWords } from "./client.ts";
import { listenersIn } from "./listeners.ts";
import type { FloodLoad, Load } from "./streams.ts";

const CONNTRACK = ["max", "buckets", "count"].map((name) => `/proc/sys/net/netfilter/nf_conntrack_${name}`);
const SEED = 1000;

/** Before the traffic: ways for answers to nobody, and no room for half-open connections where that was asked for. */
export async function prepareFlood(lab: Lab, { synBacklog, synCookies }: FloodLoad): Promise<void> {
  const { tester, routers, targets } = lab.topology;
  await Promise.all(
    [tester, ...routers].map((machine) =>
      lab.wiring(machine.name).exec(["ip", "-batch", "-"], { input: spoofedBatch(lab.topology, machine) }),
    ),
  );
  const cookies = synCookies ?? (synBacklog === undefined ? null : "off");
  if (cookies === null) return;
  const room = synBacklog === undefined ? "" : `net/ipv4/tcp_max_syn_backlog=${synBacklog}\n`;
  const input = `net/ipv4/tcp_syncookies=${SYN_COOKIES.indexOf(cookies)}\n${room}`;
  await Promise.all([...routers, ...targets].map(({ name }) => lab.wiring(name).exec(["@sysctl"], { input })));
}

/** Sends, and records what there was to fill and how full it became. `port` is that of new connections. */
export async function flood(lab: Lab, load: Load & { flood: FloodLoad }, port: number, record: RecordWriter) {
  const { perS, fromS, untilS, synBacklog, synCookies } = load.flood;
  const { routers, targets } = lab.topology;
  const of = load.protocol === "tcp" ? "syn" : "datagram";
  const [before, listeners, overrun] = await Promise.all([
    tablesOf(lab, routers),
    of === "syn" ? Promise.all([...routers, ...targets].map(({ name }) => listenersIn(lab, name, port))) : [],
    overrunIn(lab),
  ]);
  const startT = lab.clock.now();
  const sent = perS === 0 ? [] : await Promise.all(load.families.map((family) => spoof(lab, load, { family, port })));
  if (perS === 0) await lab.clock.sleep((untilS - fromS) * 1000);
  const endT = lab.clock.now();
  const fromT = Math.min(...sent.map(({ begun }) => begun), perS === 0 ? startT : endT);
  const untilT = sent.length > 0 ? Math.max(...sent.map(({ t }) => t)) : endT;
  const after = await tablesOf(lab, routers);
  const sum = (name: "sent" | "refused") => sent.reduce((total, one) => total + one[name], 0);
  const event: Omit<EventOf<"flood">, "kind" | "t"> = {
    of,
    perS,
    fromT,
    untilT,
    sent: sum("sent"),
    refused: sum("refused"),
    tables: before.map((table, i) => ({ ...table, after: after[i]?.before ?? table.before })),
    listeners: listeners.filter(({ ipv4, ipv6, both }) => ipv4 + ipv6 + both > 0),
    ...(synBacklog === undefined ? {} : { synBacklog }),
    ...(synCookies === undefined ? {} : { synCookies }),
    overrun: (await overrunIn(lab)) - overrun,
  };
  record.add({ kind: "flood", t: lab.clock.now(), ...event });
}

async function spoof(lab: Lab, load: Load & { flood: FloodLoad }, { family, port }: { family: 4 | 6; port: number }) {
  const { perS, fromS, untilS } = load.flood;
  const { tester, routers } = lab.topology;
  const { stdout } = await lab
    .host(tester.name)
    .exec(
      [
        ...clientWords(lab, "spoof", { family, port, seed: load.seed + SEED, src: SPOOFED[family] }),
        "--rate",
        `${perS / load.families.length}`,
        "--duration",
        `${untilS - fromS}s`,
        "--device",
        linkOn(tester, "net2").device,
        "--via",
        routers.map((router) => linkOn(router, "net2").mac).join(","),
        ...(load.protocol === "udp" ? ["--udp"] : []),
      ],
      { timeoutMs: (untilS - fromS) * 1000 + 30_000 },
    );
  return JSON.parse(stdout) as { t: number; begun: number; sent: number; refused: number };
}

/** Conntrack's, of those routers whose kernel has it. */
async function tablesOf(lab: Lab, routers: readonly Machine[]) {
  const tables = await Promise.all(
    routers.map(async ({ name }) => {
      const { stdout } = await lab.host(name).exec(["@read", ...CONNTRACK], { check: false });
      const [most, buckets, before] = [...stdout.matchAll(/^\d+$/gm)].map(Number);
      return { machine: name, most, buckets, before };
    }),
  );
  return tables.flatMap(({ most, buckets, before, machine }) =>
    most === undefined || buckets === undefined || before === undefined ? [] : [{ machine, most, buckets, before }],
  );
}

/** Packets that found the receive queue of a CPU full, of all namespaces: the machine is too slow for them. */
async function overrunIn(lab: Lab): Promise<number> {
  const { stdout } = await lab.host(lab.topology.tester.name).exec(["@read", "/proc/net/softnet_stat"]);
  return stdout
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number.parseInt(line.split(" ")[1] ?? "0", 16), 0);
}
