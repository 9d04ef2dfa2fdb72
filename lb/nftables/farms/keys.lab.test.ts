// SPDX-License-Identifier: Apache-2.0
// Each key of a hash and of a persistence seen under traffic: what has the same key has the same target, what has another one need not.
import { ipBatch, type Lab, linkOn, type Machine, startProgram } from "../../../harness/api/index.ts";
import { someOf } from "../../../harness/testing/alike.ts";
import { farmLab } from "./farm-lab.testing.ts";
import { answers, backends, oneFarm, wires } from "./farms.testing.ts";
import { farmSchema } from "./grammar.ts";
import { whole } from "./parts.ts";
import { rulesetOf } from "./render.ts";
import { servicesOf } from "./services.ts";

const seen = farmLab();

const FLOW_KEYS = ["srcip", "dstip", "srcport", "dstport"] as const;
const KEYS = [...FLOW_KEYS, "srcmac", "dstmac"] as const;
type Key = (typeof KEYS)[number];

/** How many values of a key are tried: that a hash gives all of them one target is out of the question with the seed that farms have. */
const VALUES = 6;
/** No two labs' or farms' datagrams have the same addresses and ports: conntrack would know them. */
let farms = 0;

interface Datagram {
  src: string;
  srcPort: number;
  dst: string;
  dstPort: number;
}

/** One of this farm, with the i-th value of what varies; of a MAC address none is in it. */
function datagram(vary: Key | null, i: number, ports: readonly number[]): Datagram {
  const n = vary === "srcmac" || vary === "dstmac" || vary === null ? i : 0;
  const at = (key: Key) => (vary === key ? i : 0);
  return {
    src: `50.0.${farms % 250}.${1 + at("srcip")}`,
    // Where only a MAC address differs conntrack would know the datagram again, but for a source port that no key is.
    srcPort: 10_000 + farms * VALUES + n + at("srcport"),
    dst: `10.0.0.${at("dstip")}`,
    dstPort: (ports[0] ?? 0) + at("dstport"),
  };
}

const ASK = `import socket, sys
for line in sys.stdin:
  src, sport, dst, dport = line.split()
  s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)
  s.bind((src, int(sport)))
  s.sendto(b"x", (dst, int(dport)))
  try: print(s.recv(64).decode().split()[0])
  except OSError: print("nobody")
`;

/** Who answers each of them. */
async function asked(lab: Lab, list: readonly Datagram[]): Promise<string[]> {
  const input = list.map(({ src, srcPort, dst, dstPort }) => `${src} ${srcPort} ${dst} ${dstPort}\n`).join("");
  const { stdout } = await lab.host(lab.topology.tester.name).exec(["python3", "-c", ASK], { input });
  return stdout.trim().split("\n");
}

/** Gives a machine other MAC addresses on the tester's side, one after the other; its peer knows them. */
async function withMacs(lab: Lab, machine: Machine, peer: Machine, each: (i: number) => Promise<void>): Promise<void> {
  const own = linkOn(machine, "net2");
  const other = linkOn(peer, "net2");
  const become = async (mac: string) => {
    await lab.host(machine.name).exec(["ip", "link", "set", "dev", own.device, "address", mac]);
    const words = ["ip", "neigh", "replace", own.ipv4, "lladdr", mac, "dev", other.device, "nud", "permanent"];
    await lab.host(peer.name).exec(words);
  };
  for (let i = 0; i < VALUES; i++) {
    await become(`02:00:00:00:0${farms % 10}:0${i}`);
    await each(i);
  }
  await become(own.mac);
}

/** Who answers when only this differs, in the order of its values. */
async function answering(lab: Lab, vary: Key | null, ports: readonly number[]): Promise<string[]> {
  const list = Array.from({ length: VALUES }, (_, i) => datagram(vary, i, ports));
  if (vary !== "srcmac" && vary !== "dstmac") return asked(lab, list);
  const { tester, routers } = lab.topology;
  const [router] = routers;
  if (!router) throw new Error("There is no router.");
  const hosts: string[] = [];
  const ask = async (i: number) => void hosts.push(...(await asked(lab, list.slice(i, i + 1))));
  await (vary === "srcmac" ? withMacs(lab, tester, router, ask) : withMacs(lab, router, tester, ask));
  return hosts;
}

interface Asked {
  farm: Record<string, unknown>;
  vary: Key;
  ports: readonly number[];
}

/** A farm that nobody has asked yet. */
async function answersOf(lab: Lab, { farm, vary, ports }: Asked): Promise<string[]> {
  if (farms++ === 0) await ipBatch(lab.host(lab.topology.tester.name), ["route replace 10.0.0.0/29 via 192.168.2.201"]);
  await oneFarm(lab, { protocol: "udp", "virtual-ports": `${ports[0]}-${ports[1] ?? ports[0]}`, ...farm });
  return answering(lab, vary, ports);
}

const RANGE = [7000, 7000 + VALUES];
const nat = (lab: Lab) => ({
  mode: "dnat",
  backends: backends(lab, () => ({ port: 5001 })),
  addresses: Array.from({ length: VALUES - 1 }, (_, i) => ({
    name: `more${i}`,
    "ip-addr": `10.0.0.${i + 1}`,
    ports: `${RANGE[0]}-${RANGE[1]}`,
    protocol: "udp",
  })),
});
const LISTS: readonly (readonly Key[])[] = [
  ...KEYS.map((key) => [key]),
  ["srcip", "srcport"],
  ["dstip", "dstport"],
  ["srcmac", "dstport"],
  ["srcip", "dstip", "srcport", "dstport", "srcmac", "dstmac"],
];

/** What differs of a datagram in these modes; the VIP's port and address are those of the targets' servers. */
const UNCHANGED = ["srcip", "srcport", "srcmac"] as const;
const modes = {
  dnat: { farm: nat, ports: RANGE, varied: KEYS, lists: [0, 1, 2, 3, 4, 5, 9] },
  stlsdnat: {
    farm: (lab: Lab) => ({ mode: "stlsdnat", backends: backends(lab) }),
    ports: [5001],
    varied: UNCHANGED,
    lists: [0, 4],
  },
  dsr: {
    farm: (lab: Lab) => ({ mode: "dsr", ...wires(lab), backends: backends(lab) }),
    ports: [5001],
    varied: UNCHANGED,
    lists: [0, 4],
  },
} as const;

/** A key that the list has and one that it has not; where every test is asked for, all of them. */
function tried<K extends Key>(keys: readonly Key[], varied: readonly K[]): readonly K[] {
  const ins = varied.filter((key) => keys.includes(key));
  const outs = varied.filter((key) => !keys.includes(key));
  return [...someOf(ins, [0]), ...someOf(outs, [0])];
}

for (const [mode, { farm, ports, varied, lists }] of Object.entries(modes))
  for (const what of ["hash", "persistence"] as const)
    seen(`mode ${mode}: ${what} by every key, and by several`, async (t, lab) => {
      for (const keys of someOf(LISTS, lists))
        for (const vary of tried(keys, varied)) {
          // A datagram that nothing but its MAC address tells from another needs another source port.
          const isKey = keys.includes(vary) || (vary.endsWith("mac") && keys.includes("srcport"));
          const words = keys.join(" ");
          const own = what === "hash" ? { scheduler: "hash", "sched-param": words } : { persistence: words };
          const hosts = await answersOf(lab, { farm: { ...farm(lab), ...own }, vary, ports });
          const targets = [...new Set(hosts)].sort();
          const title = `${what} by ${words}, ${vary} differs: ${hosts.join(" ")}`;
          if (!isKey) t.is(targets.length, 1, title);
          // In turn all of them; by the hash more than one.
          else t.true(what === "hash" ? targets.length > 1 : targets.length === 3, title);
          t.false(targets.includes("nobody"), title);
        }
    });

seen("the symmetric hash gives a flow its target again, and shares flows out", async (t, lab) => {
  for (const mode of ["dnat", "stlsdnat", "dsr"] as const) {
    const { farm, ports } = modes[mode];
    const first = await answersOf(lab, { farm: { ...farm(lab), scheduler: "symhash" }, vary: "srcport", ports });
    await lab.host("vm-201").exec(["conntrack", "-F"]);
    t.deepEqual(await answering(lab, "srcport", ports), first, mode);
    t.true(new Set(first).size > 1 && !first.includes("nobody"), `${mode}: ${first.join(" ")}`);
  }
});

seen("nft takes every combination of keys, in both families", async (t, lab) => {
  const lists = Array.from({ length: 63 }, (_, i) => KEYS.filter((_key, bit) => ((i + 1) >> bit) & 1).join(" "));
  const farm = { mode: "dnat", "virtual-addr": "10.0.0.0", addresses: [{ name: "six", "ip-addr": "1000::" }] };
  const two = [
    { name: "a", "ip-addr": "192.168.1.1" },
    { name: "b", "ip-addr": "1000::1:c0a8:101" },
  ];
  const own = (words: string) => [{ scheduler: "hash", "sched-param": words }, { persistence: words }];
  const file = lists
    .flatMap(own)
    .map((keys, i) => ({ ...farm, ...keys, name: `f${i}`, "virtual-ports": `${i + 1}`, backends: two }));
  const farms = file.map((one) =>
    farmSchema.parse({
      ...one,
      addresses: [{ ...one.addresses[0], ports: one["virtual-ports"], name: `six-${one.name}` }],
    }),
  );
  const input = whole(rulesetOf(servicesOf({ farms, addresses: [], policies: [] })));
  const { code, stderr } = await lab.host("vm-003").exec(["nft", "-f", "-"], { input, check: false });
  t.is(code, 0, stderr);
});

/** At each of these ports one that says machine and port. */
const SERVERS = `import socket, sys, selectors
s = selectors.DefaultSelector()
for port in sys.argv[2:]: s.register(socket.create_server(("", int(port))), selectors.EVENT_READ, f"{sys.argv[1]}:{port}")
print('{"event": "ready"}', flush=True)
while True:
  for key, _ in s.select():
    c, _ = key.fileobj.accept(); c.sendall(key.data.encode()); c.close()
`;

seen(
  "connections are spread over several ports of a backend, in turn or by hash, with state and without",
  async (t, lab) => {
    const ports = ["8080", "8081", "9000"];
    await Promise.all(
      ["vm-001", "vm-002"].map((name) =>
        startProgram(lab.host(name), ["python3", "-c", SERVERS, name, ...ports], "ready"),
      ),
    );
    const targets = backends(lab, (i) => ({ port: ["8080-8081,9000", "8081", "5001"][i] }));
    await oneFarm(lab, { "virtual-ports": "80", backends: targets });
    const at = { address: "10.0.0.0:80", connections: 36 };
    const first = { "vm-001:8080": 4, "vm-001:8081": 4, "vm-001:9000": 4 };
    t.deepEqual(await answers(lab, at), { hosts: { ...first, "vm-002:8081": 12, "vm-003": 12 }, failed: 0 });
    const [only] = targets;
    const names = Object.keys(first);
    for (const mode of ["dnat", "stlsdnat"])
      for (const more of [
        {},
        { scheduler: "weight" },
        { scheduler: "symhash" },
        { scheduler: "hash", "sched-param": "srcport" },
      ]) {
        await oneFarm(lab, { mode, ...more, "virtual-ports": "80", backends: [only] });
        const { hosts, failed } = await answers(lab, { ...at, connections: 60 });
        t.deepEqual([Object.keys(hosts).sort(), failed], [names, 0], `${mode} ${JSON.stringify(more)}`);
      }
    // A client that the farm keeps together keeps its port.
    await oneFarm(lab, { persistence: "srcip", "virtual-ports": "80", backends: [only] });
    t.is(Object.keys((await answers(lab, { ...at, src: "50.0.3.9/32", connections: 6 })).hosts).length, 1);
  },
);

seen("more ports of a backend than a rule may have are refused", async (t, lab) => {
  const [first = {}] = backends(lab, () => ({ port: "1-2000" }));
  const error = await t.throwsAsync(() => oneFarm(lab, { backends: [first] }));
  t.regex(error?.message ?? "", /backend 'vm-001' has more than 1,024 ports/);
});
