// SPDX-License-Identifier: Apache-2.0
// Flows in a real lab: two addresses with disjoint targets behind one balancer, and changes under traffic.

import test from "ava";
import { addressBytes, type Lab, linkOn, planTopology, startProgram } from "../../harness/api/index.ts";
import {
  type Connection,
  decodeRow,
  hashFlow,
  makeOracle,
  netns,
  PROTOCOL,
  ROW_BYTES,
  startServers,
  type TableSpec,
} from "../../harness/testing/lab.ts";

const MARK = 1000;
const FIRST = "10.0.0.0";
const SECOND = "10.0.0.1";
const SIGTERM = 15;

interface Listed {
  flows: { name: string; packets: number }[];
}

/** A lab with a second address, a table for each target set, and a balancer that goes by flows. */
async function flowLab(): Promise<{ lab: Lab; lb: (words: string, input?: string) => Promise<string> }> {
  const topology = planTopology({ targets: 4, routers: 1 });
  const lab = await netns.up(topology, new AbortController().signal);
  const [router] = topology.routers;
  if (!router) throw new Error("There is no router.");
  const host = lab.host(router.name);
  const program = lab.program("nfqueue-lb");
  const lb = async (words: string, input = "") => (await host.exec([program, ...words.split(" ")], { input })).stdout;
  await Promise.all([
    startServers(lab),
    ...topology.targets.map((t) => lab.wiring(t.name).exec(["ip", "addr", "add", `${SECOND}/32`, "dev", "lo"])),
    lab.wiring(topology.tester.name).exec(["ip", "route", "add", SECOND, "via", linkOn(router, "net2").ipv4]),
  ]);
  const routes = topology.targets.map((target, i) => {
    const mark = MARK + i + 1;
    return `rule add pref 100 fwmark ${mark} table ${mark}\nroute add 0.0.0.0/0 via ${linkOn(target, "net1").ipv4} table ${mark}\n`;
  });
  await host.exec(["ip", "-batch", "-"], { input: routes.join("") });
  await lb("init -p");
  for (const [name, active] of Object.entries(SETS)) {
    await lb(`init --shm ${name} -p`);
    await lb(`set --shm ${name} --active ${active.map((i) => `${i}:${MARK + i + 1}`).join(",")}`);
  }
  await lb(`flow-set --name first --targets one --dsts ${FIRST}`);
  await lb(`flow-set --name second --targets two --dsts ${SECOND} --protocols tcp --dports 5000-5002`);
  await startProgram(host, [program, "run", "--flows"], "ready");
  await host.exec(["iptables-restore", "--noflush"], {
    input: `*mangle\n-A PREROUTING -d ${FIRST}/31 -j NFQUEUE --queue-num 0\nCOMMIT\n`,
  });
  return { lab, lb };
}

/** Targets by index. */
const SETS = { one: [0, 1], two: [2, 3], all: [0, 1, 2, 3] } as const;

/** Connections of `traffic connect`, as it reports them. */
async function connect(lab: Lab, to: string, words: string): Promise<Connection[]> {
  const argv = [lab.program("traffic"), "connect", "--address", `${to}:5001`, "--src", "50.0.0.0/16"];
  const { stdout } = await lab
    .host(lab.topology.tester.name)
    .exec([...argv, ...words.split(" "), "--output", "ndjson"]);
  const hosts: string[] = [];
  const rows: Connection[] = [];
  for (const line of stdout.trim().split("\n")) {
    const event = JSON.parse(line) as { event: string; names?: string[]; rows?: string };
    hosts.push(...(event.names ?? []));
    const bytes = Buffer.from(event.rows ?? "", "base64");
    for (let at = 0; at < bytes.length; at += ROW_BYTES)
      rows.push(decodeRow(bytes, at, { stream: "ipv4", hosts, unitUs: 1 }));
  }
  return rows;
}

const ORACLE: TableSpec = { strategy: "maglev", m: 997, seed: 0, ports: true };

/** The target that the set's own table predicts for the connection. */
function predicted(connection: Connection, to: string, set: keyof typeof SETS): string | null {
  const { srcOffset, sport } = connection;
  const src = addressBytes(`50.0.${srcOffset >> 8}.${srcOffset & 255}`);
  const flow = { src, sport, dst: addressBytes(to), dport: 5001, protocol: PROTOCOL.tcp };
  const index = makeOracle(ORACLE, SETS[set]).pick(hashFlow(ORACLE, flow));
  return index === null ? null : `vm-00${index + 1}`;
}

test.serial("two addresses with disjoint targets in one lab; flows come, change and go under traffic", async (t) => {
  const { lab, lb } = await flowLab();
  try {
    const check = async (to: string, set: keyof typeof SETS, seed: number) => {
      const rows = await connect(lab, to, `--connections 300 --seed ${seed}`);
      t.is(rows.length, 300);
      const wrong = rows.filter((row) => row.target === null || row.target !== predicted(row, to, set));
      t.deepEqual(wrong, [], `${to} by ${set}`);
    };
    await Promise.all([check(FIRST, "one", 1), check(SECOND, "two", 2)]);
    t.regex(await lb("flow-set --name second --targets one --priority 3 --dsts 10.0.0.1"), /"inForce":true/);
    await check(SECOND, "one", 3);
    const { flows } = JSON.parse(await lb("flow-list")) as Listed;
    t.deepEqual(
      flows.map((flow) => flow.name),
      ["second", "first"],
    );
    t.true(
      flows.every((flow) => flow.packets > 300 * 3),
      JSON.stringify(flows),
    );

    // A swap must never leave a packet without its flow: neither by the set of flows, nor by a target set.
    let busy = true;
    const running = connect(lab, FIRST, "--connections 4000 --seed 4 --concurrent 32").finally(() => {
      busy = false;
    });
    let swaps = 0;
    for (; busy; swaps++) {
      const priority = swaps % 7;
      const lines = [
        `--name first --targets one --dsts ${FIRST} --priority ${priority}`,
        `--name x${priority} --targets two --dports 9`,
      ];
      await lb("flow-set --batch", `${lines.join("\n")}\n`);
      if (swaps % 5 === 0) await lb("set --shm one --active 0:1001,1:1002");
    }
    const rows = await running;
    t.deepEqual(
      rows.filter((row) => row.target !== predicted(row, FIRST, "one")),
      [],
    );
    t.true(swaps > 5, `${swaps} changes`);
    t.regex(await lb("stats"), /"no_target":0,"no_flow":0,/);

    t.regex(await lb("flow-delete second"), /"inForce":true/);
    const refused = await connect(lab, SECOND, "--connections 20 --timeout 300ms");
    t.true(refused.every((row) => row.target === null));
    t.regex(await lb("stats"), /"no_flow":[1-9]/);
    await check(FIRST, "one", 5);
  } finally {
    await lab[Symbol.asyncDispose]();
  }
});

test.serial(
  "packets without a flow, or a target, take their marks; SCTP in UDP has its flow; the log tells of changes",
  async (t) => {
    const { lab, lb } = await flowLab();
    try {
      const router = lab.host("vm-201");
      // Another balancer, on a queue of its own, with a mark for each case: both lead to a target, to be seen.
      await lb("init --shm marks -p");
      await lb("init --shm empty -p");
      await lb(`flow-set --shm marks --name nobody --targets empty --dsts ${FIRST}`);
      const words = "run --shm marks --flows --queue 7 --nolb-fwmark 1002 --notargets-fwmark 1004 --sctp-encap 9899";
      let said = "";
      const process = await startProgram(router, [lab.program("nfqueue-lb"), ...words.split(" ")], "ready", {
        onSaid: (text) => {
          said += text;
        },
      });
      await router.exec(["iptables", "-t", "mangle", "-F", "PREROUTING"]);
      await router.exec([
        "iptables",
        "-t",
        "mangle",
        "-A",
        "PREROUTING",
        "-d",
        `${FIRST}/31`,
        "-j",
        "NFQUEUE",
        "--queue-num",
        "7",
      ]);
      const targets = async (to: string) =>
        new Set((await connect(lab, to, "--connections 20")).map((row) => row.target));
      t.deepEqual(await targets(FIRST), new Set(["vm-004"]));
      t.deepEqual(await targets(SECOND), new Set(["vm-002"]));
      await lb("loglevel --shm marks 6");
      await lb(`flow-set --shm marks --name inside --targets empty --dsts ${FIRST} --protocols sctp`);
      await lb(`flow-set --shm marks --name nobody --targets empty --dsts ${FIRST} --protocols tcp`);
      const datagram = ["stream", "--udp", "--address", `${FIRST}:9899`, "--connections", "1", "--duration", "300ms"];
      await lab.host(lab.topology.tester.name).exec([lab.program("traffic"), ...datagram], { check: false });
      const { flows } = JSON.parse(await lb("flow-list --shm marks")) as Listed;
      t.true((flows.find(({ name }) => name === "inside")?.packets ?? 0) > 0, JSON.stringify(flows));
      process.signal(SIGTERM);
      t.is((await process.exited).code, 0);
      t.regex(said, /^Version 3 of the flows of 'marks' is in force: 2 flows\.$/m);
    } finally {
      await lab[Symbol.asyncDispose]();
    }
  },
);
