// SPDX-License-Identifier: Apache-2.0

import { fileURLToPath } from "node:url";
import test from "ava";
import { planTopology, UsageError } from "../../harness/api/index.ts";
import { parseBackendOptions } from "../../harness/testing/lab.ts";
import { backends } from "../index.ts";
import { parseFarm } from "./farm.ts";
import { lineOfPath } from "./json-lines.ts";
import { options, settle } from "./options.ts";
import { change, inUse, ruleset } from "./ruleset.ts";

const settings = (given: Record<string, string>, targets = 3) => settle(options.parse(given), targets);

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

test("a farm file gives mode, scheduler, ports, and weights and priorities by address", (t) => {
  t.deepEqual(parseFarm(farmText(), "farm.json", 2), {
    mode: "dnat",
    scheduler: "hash",
    keys: ["srcip"],
    ports: [
      { from: 5001, to: 5001 },
      { from: 6000, to: 6003 },
    ],
    families: [4, 6],
    protocols: ["tcp"],
    persistenceS: 0,
    weights: [1, 5],
    priorities: [1, 2],
    ignored: [],
  });
});

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
    "a target that is down",
    10,
    '        { "name": "one", "ip-addr": "192.168.1.1", "state": "down" }',
    /line 10: farms\.0\.backends\.1\.state: /,
  ],
  [
    "a weight that is no number",
    10,
    '        { "name": "one", "ip-addr": "192.168.1.1", "weight": "heavy" }',
    /line 10: farms\.0\.backends\.1\.weight: /,
  ],
  ["fewer targets than the lab", 9, "", /line 8: farms\.0\.backends: has 1, but there are 2 targets/],
  ["two farms", 12, "    }, {}", /line 2: farms: .*give one farm/],
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
  t.throws(() => settings({ farm: "/nowhere/farm.json" }), {
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

test("what would tear connections apart is refused", (t) => {
  t.throws(() => settings({ mode: "dsr", scheduler: "rr" }), { message: /spread the packets of one connection/ });
  t.throws(() => settings({ mode: "stateless_dnat", persistence: "5" }), { message: /Try keys=srcip/ });
  t.is(settings({ mode: "dsr" }).scheduler, "hash");
  t.is(settings({}).scheduler, "rr");
});

const bad: [backend: string, word: string, message: RegExp][] = [
  ["nftables", "mode=magic", /Invalid value 'magic' for --set mode: /],
  ["nftables", "weights=1,zero", /--set weights/],
  ["nftables", "weights=1,2", /weights has 2 numbers, but there are 3 targets/],
  ["nftables", "ports=0", /Invalid value '0' for --set ports: /],
  ["nftables", "ports=9-3", /Invalid value '9-3' for --set ports: /],
  ["ecmp", "policy=9", /Invalid value '9' for --set policy: /],
  ["ecmp", "weights=1", /weights has 1 number, but/],
  ["ecmp", "hashSeed=0", /Invalid value '0' for --set hashSeed: /],
  ["ecmp_resilient", "buckets=2", /too few for 3 targets/],
  ["iptables_statistic", "mode=magic", /Invalid value 'magic' for --set mode: /],
  ["iptables_statistic", "targetPort=70000", /--set targetPort/],
  ["iptables_recent", "seconds=0", /Invalid value '0' for --set seconds: /],
  ["ecmp", "weights=1,2,257", /--set weights/],
  ["ecmp_resilient", "idleTimer=0", /Invalid value '0' for --set idleTimer: /],
  ["nftables", "priorities=1,2", /priorities has 2 numbers, but there are 3 targets/],
  ["nftables", "leave=never", /Invalid value 'never' for --set leave: /],
  ["iptables_recent", "form=round", /Invalid value 'round' for --set form: /],
  ["iptables_hmark", "mod=3", /has no option 'mod'/],
  ["iptables_hmark", "hashSeed=4294967296", /--set hashSeed/],
  ["iptables_statistic", "variant=old", /Invalid value 'old' for --set variant: /],
  ["iptables_statistic", "leave=later", /Invalid value 'later' for --set leave: /],
  ["iptables_statistic", "local=perhaps", /Invalid value 'perhaps' for --set local: /],
  ["iptables_recent", "masquerade=2.5", /--set masquerade/],
  ["iptables_recent", "seconds=86401", /Invalid value '86401' for --set seconds: /],
  ["ecmp", "weights=0,1,1", /--set weights/],
  ["ecmp", "weights=1,-1,1", /--set weights/],
  ["ecmp", "weights=1,1.5,1", /--set weights/],
  ["ecmp", "weights=,", /--set weights/],
  ["ecmp", "hashSeed=some", /Invalid value 'some' for --set hashSeed: /],
  ["ecmp_resilient", "weights=1,2,3,4", /weights has 4 numbers, but there are 3 targets/],
  ["ecmp_resilient", "buckets=65536", /Invalid value '65536' for --set buckets: /],
  ["ecmp_resilient", "unbalancedTimer=-1", /Invalid value '-1' for --set unbalancedTimer: /],
  ["nftables", "scheduler=luck", /Invalid value 'luck' for --set scheduler: /],
  ["nftables", "keys=srcip,colour", /--set keys/],
  ["nftables", "keys=", /--set keys/],
  ["nftables", "priorities=0,1,1", /--set priorities/],
  ["nftables", "ports=5001-", /Invalid value '5001-' for --set ports: /],
  ["nftables", "persistence=-1", /Invalid value '-1' for --set persistence: /],
  ["nftables", "mode", /Invalid value .mode. for --set: expected key=value/],
];
for (const [name, word, message] of bad)
  test(`--set ${word} for ${name} is wrong usage before anything is started`, (t) => {
    const backend = backends.find((b) => b.name === name);
    t.throws(() => backend?.effectiveOptions(parseBackendOptions(backend, [word]), 3), {
      instanceOf: UsageError,
      message,
    });
  });

test("the backup pool takes over only when no target of the best priority is active", (t) => {
  const priorities = [1, 1, 2];
  const standby = "best";
  t.deepEqual(inUse({ priorities, standby }, [0, 1, 2]), [0, 1]);
  t.deepEqual(inUse({ priorities, standby }, [1, 2]), [1]);
  t.deepEqual(inUse({ priorities, standby }, [2]), [2]);
});

test("one table serves both families, and a change touches nothing but the choice of the target", (t) => {
  const topology = planTopology({ targets: 3, routers: 1 });
  const [router] = topology.routers;
  if (!router) return t.fail();
  const given = settings({ weights: "1,2,1" });
  const whole = ruleset(topology, router, given, [0, 1, 2]);
  t.is(whole.match(/^table /gm)?.length, 1);
  t.regex(
    whole,
    /dnat ip to numgen inc mod 4 map \{\n0 : 192\.168\.1\.1,\n1-2 : 192\.168\.1\.2,\n3 : 192\.168\.1\.3\n\}/,
  );
  t.regex(whole, /dnat ip6 to numgen inc mod 4/);
  const next = change(topology, router, given, [0, 2]);
  t.regex(next, /^flush chain inet lb service4\n/);
  t.notRegex(next, /hook|vmap|192\.168\.1\.2,/);
});

test("a farm's priorities have nftlb's meaning: each target that is down lets in one priority more", (t) => {
  const standby = "nftlb";
  t.deepEqual(inUse({ priorities: [1, 1, 2], standby }, [0, 1, 2]), [0, 1]);
  t.deepEqual(inUse({ priorities: [1, 1, 2], standby }, [1, 2]), [1, 2], "the first is down");
  t.deepEqual(inUse({ priorities: [1, 1, 4, 4], standby }, [2, 3]), [], "two steps do not reach 4");
  t.deepEqual(inUse({ priorities: [1, 2, 3], standby }, [2]), [2]);
});

const published = (name: string) => fileURLToPath(new URL(`../../harness/testing/cases/${name}`, import.meta.url));

test("a farm that hashes without parameters hashes the source, and serves its family and protocol only", (t) => {
  const farm = settle(options.parse({ farm: published("farm-hash-default.json") }), 2);
  t.deepEqual(farm.keys, ["srcip"]);
  t.deepEqual([farm.families, farm.protocols], [[4], ["tcp"]]);
  const topology = planTopology({ targets: 2, routers: 1 });
  const [router] = topology.routers;
  if (!router) return t.fail();
  const rules = ruleset(topology, router, farm, [0, 1]);
  t.regex(rules, /jhash ip saddr mod 2/);
  t.notRegex(rules, /udp|ip6|1000::/);
});

for (const [name, expected] of [
  ["farm-as-printed.json", { weights: [2, 1], standby: "nftlb", scheduler: "weight" }],
  ["farm-none.json", { weights: [2, 1], keys: ["srcip", "srcport"], persistenceS: 0 }],
  ["farm-priorities.json", { priorities: [1, 1, 2], standby: "nftlb", scheduler: "rr" }],
] as const)
  test(`${name}: defaults as nftlb prints them mean nothing and are taken`, (t) => {
    t.like(settle(options.parse({ farm: published(name) }), name === "farm-priorities.json" ? 3 : 2), expected);
  });

test("what a farm asks for beyond this lab is refused by name, and what the lab sets itself is left aside", (t) => {
  const asks = (field: string) =>
    parseFarm(
      farmText((lines) => {
        lines[3] = `      ${field}, "name": "lab", "family": "dual",`;
      }),
      "farm.json",
      2,
    );
  t.throws(() => asks('"new-rtlimit": "10"'), {
    instanceOf: UsageError,
    message: "'farm.json' line 4: farms.0.new-rtlimit: '10' is not supported, only the default '0'.",
  });
  for (const field of ['"helper": "ftp"', '"queue": 0', '"mark": "0x5"', '"log": "input"', '"policies": [{}]'])
    t.throws(() => asks(field), { instanceOf: UsageError, message: /line 4: farms\.0\.\w+: .*not supported/ }, field);
  t.deepEqual(asks('"iface": "eth0", "ether-addr": ""').ignored, ["iface"]);
});
