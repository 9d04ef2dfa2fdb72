// SPDX-License-Identifier: Apache-2.0
// Farm files as the lab takes them: what is wrong is named with its line, and what is right becomes rules and an oracle's data.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import test from "ava";
import { planTopology, UsageError } from "../../harness/api/index.ts";
import { makeOracle } from "../../harness/testing/lab.ts";
import { parseFarm } from "./farm.ts";
import { countersIn } from "./farm-counters.ts";
import { farmRules } from "./farm-rules.ts";
import { farmSettings, servedBy } from "./farm-settings.ts";
import { lineOfPath } from "./json-lines.ts";
import { nftables } from "./nftables.ts";
import { options } from "./options.ts";
import { mergedOracle } from "./oracle.ts";
import { settle } from "./settle.ts";

const dir = mkdtempSync(path.join(tmpdir(), "farm-"));
test.after.always(() => rmSync(dir, { recursive: true, force: true }));
let files = 0;
/** The path of a file with these farms. */
function written(...farms: Record<string, unknown>[]): string {
  const file = path.join(dir, `${++files}.json`);
  writeFileSync(file, JSON.stringify({ farms }));
  return file;
}
const given = (words: Record<string, string> = {}) => options.parse(words);

const [router] = planTopology({ targets: 3, routers: 1 }).routers;
const place = (targets: number, routers = 1) => {
  if (!router) throw new Error("There is no router.");
  return { topology: planTopology({ targets, routers }), router, services: 0 };
};
const backends = (...numbers: number[]) =>
  numbers.map((n): Record<string, unknown> => ({ name: `b${n}`, "ip-addr": `192.168.1.${n}` }));
const WEB = { name: "web", "virtual-addr": "10.0.0.0", "virtual-ports": "5001,5003", mode: "dnat" };

const farmText = (edit: (lines: string[]) => void = () => {}) => {
  const lines = [
    "{",
    '  "farms": [',
    "    {",
    '      "name": "lab", "family": "dual",',
    '      "virtual-addr": "10.0.0.0",',
    '      "virtual-ports": "5001,6000-6003",',
    '      "mode": "dnat", "scheduler": "hash", "sched-param": "srcip",',
    '      "backends": [',
    '        { "name": "two", "ip-addr": "192.168.1.2", "weight": 5, "priority": 2 },',
    '        { "name": "one", "ip-addr": "192.168.1.1" }',
    "      ]",
    "    }",
    "  ]",
    "}",
  ];
  edit(lines);
  return lines.join("\n");
};

const badFarms: [title: string, line: number, text: string, message: RegExp][] = [
  ["a mode that does not exist", 7, '      "mode": "magic",', /line 7: farms\.0\.mode: /],
  [
    "a field that does not exist",
    5,
    '      "virtual-addr": "10.0.0.0", "colour": "red",',
    /line 5: farms\.0\.colour: /,
  ],
  ["another VIP", 5, '      "virtual-addr": "10.0.0.9",', /line 5: farms\.0\.virtual-addr: '10\.0\.0\.9' is not/],
  [
    "a weight that does not fit",
    10,
    '        { "name": "one", "ip-addr": "192.168.1.1", "weight": 0 }',
    /line 10: farms\.0\.backends\.1\.weight: /,
  ],
  [
    "an address that is no target",
    10,
    '        { "name": "one", "ip-addr": "192.168.1.9" }',
    /line 10: farms\.0\.backends\.1\.ip-addr: '192\.168\.1\.9'/,
  ],
  ["an address twice", 10, '        { "name": "one", "ip-addr": "192.168.1.2" }', /line 10: .*or twice/],
  [
    "a port beyond the last",
    6,
    '      "virtual-ports": "5001,70000",',
    /line 6: farms\.0\.virtual-ports: ports are 1 to 65535/,
  ],
  ["a range of ports the wrong way round", 6, '      "virtual-ports": "9-3",', /line 6: farms\.0\.virtual-ports: /],
  ["no VIP", 5, "", /line 3: farms\.0\.virtual-addr: /],
  ["a scheduler that does not exist", 7, '      "mode": "dnat", "scheduler": "luck",', /line 7: farms\.0\.scheduler: /],
  ["a key that does not exist", 7, '      "sched-param": "srcip colour",', /line 7: farms\.0\.sched-param\.1: /],
  ["a persistence of no time", 7, '      "persist-ttl": 0,', /line 7: farms\.0\.persist-ttl: /],
  ["a farm that is down", 7, '      "state": "down",', /line 7: farms\.0\.state: the farm is not up/],
  [
    "a weight that is no number",
    10,
    '        { "name": "one", "ip-addr": "192.168.1.1", "weight": "heavy" }',
    /line 10: farms\.0\.backends\.1\.weight: /,
  ],
  ["fewer targets than the lab", 9, "", /line 8: farms\.0\.backends: has 1, but there are 2 targets/],
  ["a farm without a name", 12, "    }, {}", /line 12: farms\.1\.name: /],
  ["a farm twice", 12, '    }, { "name": "lab" }', /line 12: farms\.1\.name: 'lab' is there twice/],
  ["text that is no JSON", 7, '      "mode": dnat,', /line 7: /],
];
for (const [title, line, text, message] of badFarms)
  test(`a farm file with ${title} is wrong usage that names field and line`, (t) => {
    const edited = farmText((lines) => {
      lines[line - 1] = text;
    });
    t.throws(() => parseFarm(edited, "farm.json", 2), { instanceOf: UsageError, message });
  });

test("a farm file that is not there is wrong usage", (t) => {
  t.throws(() => settle(given({ farm: "/nowhere/farm.json" }), 3), {
    instanceOf: UsageError,
    message: /Cannot read farm file/,
  });
});

test("the line of a path is found behind strings that look like JSON, and is that of the nearest when it leads nowhere", (t) => {
  const text = '{\n"a": "}{][\\"",\n"b": [1,\n{"c":\n2}]\n}';
  t.is(lineOfPath(text, ["b", 1, "c"]), 4);
  t.is(lineOfPath(text, ["b", 7]), 3);
  t.is(lineOfPath(text, ["nothing"]), 1);
});

test("a farm gives mode, scheduler, ports, and weights and priorities by address; of both families where it says so", (t) => {
  const file = path.join(dir, "dual.json");
  writeFileSync(file, farmText());
  const [one] = farmSettings(file, given(), 2);
  t.like(one, {
    mode: "dnat",
    scheduler: "hash",
    keys: ["srcip"],
    weights: [1, 5],
    priorities: [1, 2],
    standby: "nftlb",
  });
  t.deepEqual([one?.families, one?.protocols, one?.order, one?.ignored], [[4, 6], ["tcp"], [1, 0], []]);
  const rules = farmRules(file, place(2), given()).install([0, 1]);
  t.regex(rules, /10\.0\.0\.0 \. tcp \. 5001 : goto farm4-lab/);
  t.regex(rules, /1000:: \. tcp \. 6003 : goto farm6-lab/);
  t.regex(rules, /: 1000::1:c0a8:102/);
});

const published = (name: string) => fileURLToPath(new URL(`../../harness/testing/cases/${name}`, import.meta.url));

test("a farm that hashes without parameters hashes the source, and serves its family and protocol only", (t) => {
  const farm = published("farm-hash-default.json");
  t.deepEqual(settle(given({ farm }), 2)[0].keys, ["srcip"]);
  t.like(servedBy(farm, 2), { families: [4], protocols: ["tcp"] });
  t.is(servedBy(farm, 2).ports, undefined);
  const rules = farmRules(farm, place(2), given()).install([0, 1]);
  t.regex(rules, /jhash ip saddr mod 2/);
  t.notRegex(rules, /udp|ip6|1000::/);
});

for (const [name, expected] of [
  ["farm-as-printed.json", { weights: [2, 1], standby: "nftlb", scheduler: "weight" }],
  ["farm-none.json", { weights: [2, 1], keys: ["srcip"], persistenceS: 0 }],
  ["farm-priorities.json", { priorities: [1, 1, 2], standby: "nftlb", scheduler: "rr" }],
] as const)
  test(`${name}: defaults as nftlb prints them mean nothing and are taken`, (t) => {
    t.like(settle(given({ farm: published(name) }), name === "farm-priorities.json" ? 3 : 2)[0], expected);
  });

test("what was given by itself comes before what the farm file says", (t) => {
  const farm = published("farm-priorities.json");
  const words = { farm, mode: "snat", scheduler: "hash", weights: "1,2,3", priorities: "1,1,1", persistence: "9" };
  const own = given({ ...words, ports: "5003", hashSeed: "7", snatPorts: "20000-20007" });
  t.like(settle(own, 3)[0], { mode: "snat", scheduler: "hash", weights: [1, 2, 3], persistenceS: 9 });
  const rules = farmRules(farm, place(3), own).install([0, 1, 2]);
  t.regex(rules, /jhash ip saddr mod 6 seed 0x7/);
  t.regex(rules, /timeout 9s/);
  t.regex(rules, /masquerade to :20000-20007/);
  t.notRegex(rules, /5001/);
});

test("several farms: each with its targets, one oracle where they agree, and only what is known of all where not", (t) => {
  const two = written(
    { ...WEB, scheduler: "hash", backends: backends(1, 2, 3) },
    { ...WEB, name: "udp", protocol: "udp", "virtual-ports": "6003", backends: backends(1, 2) },
    { ...WEB, name: "elsewhere", "virtual-addr": "203.0.113.9", backends: [{ name: "x", "ip-addr": "203.0.113.1" }] },
  );
  const all = settle(given({ farm: two }), 3);
  t.deepEqual(
    all.map(({ farm }) => farm),
    ["web", "udp"],
  );
  t.like(mergedOracle(all, "tcp"), { strategy: "stateful", assign: { strategy: "scaled", order: [0, 1, 2] } });
  const udp = mergedOracle(all, "udp");
  if (!udp) return t.fail();
  t.deepEqual([...makeOracle(udp, [0, 1, 2]).shares.keys()], [0, 1], "the third is no backend of this farm");
  t.like(nftablesFacts(two), {
    "farm udp": "mode dnat; scheduler rr; weights 1,1,1; priorities 1,1,4294967295; ports 6003",
  });
  const unequal = written(
    { ...WEB, scheduler: "hash", "virtual-ports": "5001", backends: backends(1, 2) },
    { ...WEB, name: "stream", "virtual-ports": "5003", backends: backends(1, 2) },
  );
  t.like(mergedOracle(settle(given({ farm: unequal }), 2), "tcp"), {
    strategy: "stateful",
    assign: null,
    uneven: true,
  });
  t.throws(() => settle(given({ farm: written({ ...WEB, backends: backends(1) }) }), 2), {
    message: /has 1, but there are 2/,
  });
});

const nftablesFacts = (farm: string) => nftables.effectiveOptions(given({ farm }), 3);

test("targets leave and come back by one transaction of what differs; one that the file has taken out stays out", (t) => {
  const [first, ...others] = backends(1, 2, 3);
  const file = written({ ...WEB, backends: [{ ...first, state: "off" }, ...others] });
  const rules = farmRules(file, place(3), given());
  t.regex(rules.install([0, 1, 2]), /numgen inc mod 2 map @slots4-web/);
  t.regex(
    rules.change([0, 2], [0, 1, 2]),
    /^flush chain inet nft-lb farm4-web\ndelete element inet nft-lb to4-web \{\n0x2\n\}/,
  );
  t.is(rules.change([0, 1, 2], [0, 1, 2]), "");
  t.regex(rules.replace([1]), /^table inet nft-lb\ndelete table inet nft-lb\n/);
  const oracle = mergedOracle(settle(given({ farm: file }), 3), "tcp");
  if (!oracle) return t.fail();
  t.deepEqual(
    [...makeOracle(oracle, [0, 1, 2]).shares],
    [
      [1, 0.5],
      [2, 0.5],
    ],
  );
});

test("standby targets take over as nftlb counts, in rules and oracle alike", (t) => {
  const file = published("farm-priorities.json");
  const rules = farmRules(file, place(3), given());
  const oracle = mergedOracle(settle(given({ farm: file }), 3), "tcp");
  if (!oracle) return t.fail();
  for (const [active, used] of [
    [
      [0, 1, 2],
      [0, 1],
    ],
    [
      [1, 2],
      [1, 2],
    ],
    [[2], [2]],
  ] as const) {
    t.deepEqual([...makeOracle(oracle, active).shares.keys()], [...used], active.join());
    t.is(/inc mod (\d) map/.exec(rules.install(active))?.[1] ?? "0", `${used.length}`, active.join());
  }
});

test("with several routers replies return to the router's own address, and direct return has the lab's wiring", (t) => {
  const nat = written({ ...WEB, backends: backends(1, 2, 3) });
  t.notRegex(farmRules(nat, place(3), given()).install([0, 1, 2]), /masquerade/);
  t.regex(farmRules(nat, place(3, 2), given()).install([0, 1, 2]), /masquerade/);
  const dsr = written({ ...WEB, mode: "dsr", iface: "eth7", backends: backends(1, 2, 3) });
  const rules = farmRules(dsr, place(3), given()).install([0, 1, 2]);
  t.regex(rules, /ether saddr set 00:00:00:01:01:c9 fwd to "eth1"/);
  t.regex(rules, /0x3 : 00:00:00:01:01:03/);
  t.like(nftablesFacts(dsr), { "farm fields set by the lab": "iface" });
});

test("without conntrack turn is remembered by the rules for each connection, unless it was asked to be unsafe", (t) => {
  const farm = written({ ...WEB, mode: "dsr", backends: backends(1, 2, 3) });
  t.like(mergedOracle(settle(given({ farm }), 3), "tcp"), {
    strategy: "stateful",
    flush: true,
    marks: ["tcp", "udp"],
    memory: { timeoutS: { tcp: 60, udp: 60 }, again: true },
  });
  t.like(mergedOracle(settle(given({ farm, unsafe: "true" }), 3), "tcp"), { strategy: "scaled", hash: null });
  t.notRegex(farmRules(farm, place(3), given({ unsafe: "true" })).install([0, 1, 2]), /persist/);
});

test("ports that are not the lab's are where clients and servers are", (t) => {
  const list = backends(1, 2).map((one, i) => ({ ...one, port: `${8080 + i}` }));
  const ported = written({ ...WEB, "virtual-ports": "80", backends: list });
  t.deepEqual(servedBy(ported, 2).ports, { tcp: { vip: 80, targets: [8080, 8081] } });
});

test("packets that were queued, and those that no flow table took, are counted over all farms", (t) => {
  const listed = `
	chain filter4-web {
		ct state new counter packets 7 bytes 280 queue flags bypass to 7
	}
	chain forward4-web {
		counter packets 20 bytes 800 flow add @flows
	}
	chain forward4-other {
		counter packets 3 bytes 120 flow add @flows
	}`;
  t.deepEqual(countersIn(listed, { queued: true, offloaded: true }), { "farm.queued": 7, "farm.slow_path": 23 });
  t.deepEqual(countersIn("", { queued: false, offloaded: true }), { "farm.slow_path": 0 });
});
