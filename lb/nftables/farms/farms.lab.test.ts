// SPDX-License-Identifier: Apache-2.0
// Features of a farm seen under traffic, all in one lab: nft-lb in the router, farms by its REST service.
import { ipBatch, startProgram } from "../../../harness/api/index.ts";
import { farmLab } from "./farm-lab.testing.ts";
import { answers, backends, conntrack, held, logged, OWN_SERVER, oneFarm, raw, rest, wires } from "./farms.testing.ts";

const seen = farmLab();

const even = { "vm-001": 10, "vm-002": 10, "vm-003": 10 };

seen("turns, weights, states and priorities share connections out as they say", async (t, lab) => {
  await oneFarm(lab, { backends: backends(lab) });
  t.deepEqual(await answers(lab), { hosts: even, failed: 0 });
  const put = (list: Record<string, unknown>[]) =>
    rest(lab, "PUT", "/farms", { body: { farms: [{ name: "web", backends: list }] } });
  await put([{ name: "vm-001", weight: 2 }]);
  t.deepEqual((await answers(lab, { connections: 40 })).hosts, { "vm-001": 20, "vm-002": 10, "vm-003": 10 });
  await put([{ name: "vm-001", state: "down" }]);
  t.deepEqual(Object.keys((await answers(lab)).hosts).sort(), ["vm-002", "vm-003"]);
  await put([
    { name: "vm-001", state: "up" },
    { name: "vm-003", priority: 2 },
  ]);
  t.deepEqual(Object.keys((await answers(lab)).hosts).sort(), ["vm-001", "vm-002"]);
  await put([{ name: "vm-002", state: "down" }]);
  t.deepEqual(Object.keys((await answers(lab)).hosts).sort(), ["vm-001", "vm-003"]);
});

seen("no connection fails while a hundred changes come into force", async (t, lab) => {
  await oneFarm(lab, { scheduler: "weight", backends: backends(lab) });
  const words = ["--rate", "300"];
  const [{ failed }] = await Promise.all([
    answers(lab, { connections: 450, words }),
    (async () => {
      for (let i = 0; i < 100; i++) {
        const list = [{ name: "vm-002", weight: 1 + (i % 3), state: i % 2 ? "up" : "down" }];
        await rest(lab, "PUT", "/farms", { body: { farms: [{ name: "web", backends: list }] } });
      }
    })(),
  ]);
  t.is(failed, 0);
});

seen(
  "a source, or a MAC address, keeps its target; a session that is given wins; sessions are listed and forgotten",
  async (t, lab) => {
    await oneFarm(lab, {
      persistence: "srcip",
      backends: backends(lab),
      sessions: [{ client: "50.0.0.9", backend: "vm-003" }],
    });
    t.deepEqual((await answers(lab, { src: "50.0.0.9/32", connections: 6 })).hosts, { "vm-003": 6 });
    const { hosts } = await answers(lab, { src: "50.0.0.10/32", connections: 6 });
    const [target = ""] = Object.keys(hosts);
    t.deepEqual(hosts, { [target]: 6 });
    const sessions = async () => {
      const { body } = await rest(lab, "GET", "/farms/web/sessions");
      return (body.sessions as { client: string; backend: string }[]).map(
        ({ client, backend }) => `${client} ${backend}`,
      );
    };
    t.deepEqual(await sessions(), ["50.0.0.9 vm-003", `50.0.0.10 ${target}`]);
    // Maintenance: those that know it stay.
    await rest(lab, "PUT", "/farms", {
      body: { farms: [{ name: "web", backends: [{ name: target, state: "off" }] }] },
    });
    t.deepEqual((await answers(lab, { src: "50.0.0.10/32", connections: 3 })).hosts, { [target]: 3 });
    t.false(Object.keys((await answers(lab, { src: "50.0.1.0/24" })).hosts).includes(target));
    await rest(lab, "PUT", "/farms", {
      body: { farms: [{ name: "web", backends: [{ name: target, state: "down" }] }] },
    });
    t.false(Object.keys((await answers(lab, { src: "50.0.0.10/32", connections: 3 })).hosts).includes(target));
    t.is((await rest(lab, "DELETE", "/farms/web/sessions/50.0.0.10")).status, 200);
    t.false((await sessions()).some((one) => one.startsWith("50.0.0.10 ")));
    await oneFarm(lab, { persistence: "srcmac", backends: backends(lab) });
    t.is(Object.keys((await answers(lab)).hosts).length, 1);
  },
);

seen("limits limit, each its own, and say so in the log", async (t, lab) => {
  const limited = { "new-rtlimit": "5/minute", "new-rtlimit-burst": "5", backends: backends(lab) };
  await oneFarm(lab, limited);
  let failed = 0;
  const lines = await logged(lab, async () => {
    ({ failed } = await answers(lab, { src: "50.0.0.7/32", connections: 12 }));
  });
  t.true(failed >= 6 && failed <= 7, `${failed} of 12 refused`);
  t.deepEqual(lines, ["new-rtlimit-web "]);
  t.is((await answers(lab, { src: "50.0.4.0/22", connections: 10 })).failed, 0);
  await oneFarm(lab, { ...limited, verdict: "log" });
  t.is((await answers(lab, { src: "50.0.0.7/32", connections: 12 })).failed, 0);
  await oneFarm(lab, { "est-connlimit": "4", backends: backends(lab) });
  t.is(await held(lab, 9), 4);
  await oneFarm(lab, { backends: backends(lab, (i) => ({ "est-connlimit": i === 0 ? 1 : 0 })) });
  t.is(await held(lab, 9), 7);
});

seen("a policy keeps out exactly its sources, in both families", async (t, lab) => {
  const many = Array.from({ length: 100_000 }, (_, i) => ({ data: `11.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }));
  const bad = { name: "bad", type: "blacklist", elements: [{ data: "50.0.0.64/26" }, { data: "2000::7" }, ...many] };
  const good = { name: "good", type: "whitelist", priority: 0, elements: [{ data: "50.0.0.65" }] };
  const policies = [{ name: "bad" }, { name: "good" }];
  const six = { name: "six", "ip-addr": "1000::", ports: "5001", protocol: "tcp" };
  const both = [...backends(lab), { name: "b6", "ip-addr": "1000::1:c0a8:101" }];
  await oneFarm(lab, { backends: both, addresses: [six], policies }, [bad, good]);
  t.is((await answers(lab, { src: "50.0.0.96/27", connections: 5 })).failed, 5);
  t.is((await answers(lab, { src: "50.0.0.65/32", connections: 5 })).failed, 0);
  t.is((await answers(lab, { src: "50.0.0.0/26", connections: 20 })).failed, 0);
  const over6 = { address: "[1000::]:5001", connections: 3 };
  t.is((await answers(lab, { ...over6, src: "2000::7/128" })).failed, 3);
  t.deepEqual(await answers(lab, { ...over6, src: "2000::8/128" }), { hosts: { "vm-001": 3 }, failed: 0 });
});

seen("logs, marks, source addresses and ports of backends are seen in the router", async (t, lab) => {
  await ipBatch(lab.host("vm-201"), ["addr add 192.168.1.250/32 dev eth1"]);
  await oneFarm(lab, {
    mode: "snat",
    "virtual-ports": "8000-8100",
    "source-addr": "192.168.1.250",
    mark: "0xdead00",
    log: "input forward output",
    "log-prefix": "[TYPE FNAME ANAME]",
    backends: backends(lab, (i) => ({ port: 5001, mark: `0x${i + 1}` })),
  });
  const lines = await logged(lab, async () => {
    t.deepEqual(await answers(lab, { address: "10.0.0.0:8042" }), { hosts: even, failed: 0 });
  });
  t.deepEqual(lines, ["[FWD web web-addr]", "[IN web web-addr]", "[OUT web web-addr]"]);
  const flows = await conntrack(lab, "-p", "tcp", "--dport", "8042");
  const marks = new Set([...flows.matchAll(/ mark=(\d+)/g)].map(([, mark]) => Number(mark).toString(16)));
  t.deepEqual([...marks].sort(), ["dead01", "dead02", "dead03"]);
  t.regex(flows, /src=192\.168\.1\.1 dst=192\.168\.1\.250 sport=5001 /);
});

seen(
  "of farms whose ports overlap the one that names the port is asked; a log line may have a rate",
  async (t, lab) => {
    const [first = {}, second = {}] = backends(lab, () => ({ port: 5001 }));
    const range = { "virtual-ports": "8000-8200", log: "input", "log-rtlimit": "1/day", backends: [first] };
    await oneFarm(lab, range);
    const one = { ...range, name: "one", "virtual-addr": "10.0.0.0", mode: "dnat", log: "none", backends: [second] };
    await rest(lab, "POST", "/farms", { body: { farms: [{ ...one, "virtual-ports": "8042" }, { name: "empty" }] } });
    t.deepEqual((await answers(lab, { address: "10.0.0.0:8042", connections: 4 })).hosts, { "vm-002": 4 });
    const others = async () => {
      t.deepEqual((await answers(lab, { address: "10.0.0.0:8043", connections: 9 })).hosts, { "vm-001": 9 });
    };
    t.deepEqual(await logged(lab, others), ["IN-web "]);
    t.deepEqual(await logged(lab, others), [], "the day's lines are used up");
  },
);

seen("a hash by MAC addresses has one target for this one client, with its port all of them", async (t, lab) => {
  for (const [words, targets] of [
    ["srcmac", 1],
    ["srcmac srcport", 3],
    ["dstip dstport", 1],
  ] as const) {
    await oneFarm(lab, { scheduler: "hash", "sched-param": words, backends: backends(lab) });
    t.is(Object.keys((await answers(lab)).hosts).length, targets, words);
  }
});

seen("mode local guards a service of the router's own", async (t, lab) => {
  await ipBatch(lab.host("vm-201"), ["addr add 10.0.0.5/32 dev lo"]);
  await startProgram(lab.host("vm-201"), ["python3", "-c", OWN_SERVER], "ready");
  const bad = { name: "bad", type: "blacklist", elements: [{ data: "50.0.0.7" }] };
  const own = { "virtual-addr": "10.0.0.5", "virtual-ports": "22", mode: "local", policies: [{ name: "bad" }] };
  await oneFarm(lab, own, [bad]);
  const ask = (connections: number, src: string) => answers(lab, { address: "10.0.0.5:22", connections, src });
  t.deepEqual(await ask(5, "50.0.1.0/24"), { hosts: { router: 5 }, failed: 0 });
  t.is((await ask(2, "50.0.0.7/32")).failed, 2);
  await oneFarm(lab, { ...own, policies: [], "new-rtlimit": "5/minute", "new-rtlimit-burst": "5" });
  t.is((await ask(9, "50.0.0.8/32")).failed, 4);
});

seen("without state each connection has one target, in turn too: direct return", async (t, lab) => {
  await oneFarm(lab, { mode: "dsr", ...wires(lab), backends: backends(lab) });
  t.deepEqual(await answers(lab), { hosts: even, failed: 0 });
  t.is(await conntrack(lab, "-p", "tcp", "--dport", "5001", "-s", "50.0.200.1"), "");
});

seen(
  "stateless DNAT answers each connection from one target: in turn, by hash, by source, and at ports of its own",
  async (t, lab) => {
    const stateless = { mode: "stlsdnat", backends: backends(lab) };
    await oneFarm(lab, stateless);
    t.deepEqual(await answers(lab), { hosts: even, failed: 0 });
    await oneFarm(lab, { ...stateless, scheduler: "hash", "sched-param": "srcip srcport" });
    t.is((await answers(lab)).failed, 0);
    await oneFarm(lab, { ...stateless, persistence: "srcip", sessions: [{ client: "50.0.0.9", backend: "vm-002" }] });
    t.deepEqual(await answers(lab, { src: "50.0.0.9/32", connections: 4 }), { hosts: { "vm-002": 4 }, failed: 0 });
    const { hosts } = await answers(lab, { src: "50.0.0.10/32", connections: 4 });
    t.deepEqual(Object.values(hosts), [4]);
    await oneFarm(lab, { ...stateless, "virtual-ports": "8042", backends: backends(lab, () => ({ port: 5001 })) });
    t.deepEqual(await answers(lab, { address: "10.0.0.0:8042" }), { hosts: even, failed: 0 });
    const six = backends(lab).map((one, i) => ({ ...one, "ip-addr": `1000::1:c0a8:${101 + i}` }));
    await oneFarm(lab, { ...stateless, protocol: "udp", "virtual-addr": "1000::", backends: six });
    const over6 = { address: "[1000::]:5001", src: "2000::/112", words: ["--udp"] };
    t.deepEqual(await answers(lab, over6), { hosts: even, failed: 0 });
  },
);

/** A TCP header from port 4000 to 5001 with these flags alone; its checksum is wrong. */
const segment = (flags: string) => `0fa01389000000000000000050${flags}ffff00000000`;

seen("tcp-strict and too many resets are dropped and logged, and only where a farm asks", async (t, lab) => {
  const SYN_FIN = segment("03");
  await oneFarm(lab, { "tcp-strict": "on", backends: backends(lab) });
  t.deepEqual(await logged(lab, () => raw(lab, 6, SYN_FIN)), ["tcp-strict-web "]);
  t.is((await answers(lab)).failed, 0);
  await oneFarm(lab, { "rst-rtlimit": "5/minute", "rst-rtlimit-burst": "5", backends: backends(lab) });
  const RST = segment("04");
  t.deepEqual(await logged(lab, () => raw(lab, 6, RST, 4)), [], "fewer than the burst");
  t.deepEqual(await logged(lab, () => raw(lab, 6, RST, 8)), ["rst-rtlimit-web "]);
  await oneFarm(lab, { backends: backends(lab) });
  t.deepEqual(await logged(lab, () => raw(lab, 6, SYN_FIN)), []);
});

seen("a list with a timeout keeps its source out and logs that, until it forgets it", async (t, lab) => {
  const list = { name: "bad", type: "blacklist", timeout: 2, elements: [{ data: "50.0.0.7" }] };
  await oneFarm(lab, { backends: backends(lab), policies: [{ name: "bad" }] }, [list]);
  const asked = { src: "50.0.0.7/32", connections: 1 };
  const lines = await logged(lab, async () => t.is((await answers(lab, asked)).failed, 1));
  t.deepEqual(lines, ["policy-BL-bad-web "]);
  const until = performance.now() + 10_000;
  let isForgotten = false;
  while (!isForgotten && performance.now() < until) isForgotten = (await answers(lab, asked)).failed === 0;
  t.true(isForgotten);
});

seen("UDP, SCTP, all protocols, and connections of the router itself are balanced", async (t, lab) => {
  await oneFarm(lab, { protocol: "udp", backends: backends(lab) });
  t.deepEqual(await answers(lab, { words: ["--udp"] }), { hosts: even, failed: 0 });
  await oneFarm(lab, { protocol: "sctp", "virtual-ports": "7", backends: backends(lab) });
  // An INIT chunk; its CRC32c is not looked at.
  await lab.host("vm-201").exec(["sysctl", "-qw", "net.netfilter.nf_conntrack_checksum=0"]);
  await raw(lab, 132, "0fa000070000000000000000010000140000000100010000000a000a00000001");
  t.regex(await conntrack(lab, "-p", "sctp"), /dst=10\.0\.0\.0 sport=4000 dport=7 .*src=192\.168\.1\.\d /);
  await oneFarm(lab, { protocol: "all", "virtual-ports": "", "intra-connect": "on", backends: backends(lab) });
  t.deepEqual(await answers(lab), { hosts: even, failed: 0 });
  await ipBatch(lab.host("vm-201"), ["route add 10.0.0.0/32 via 192.168.1.1"]);
  const client = [lab.program("traffic"), "connect", "--address", "10.0.0.0:5001", "--output", "json"];
  t.regex((await lab.host("vm-201").exec([...client, "--connections", "3"])).stdout, /vm-00\d/);
});

seen("the service refuses a wrong key and a wrong farm, and nothing changes", async (t, lab) => {
  await oneFarm(lab, { backends: backends(lab) });
  t.is((await rest(lab, "GET", "/farms", { key: "no" })).status, 401);
  const rules = async () => (await lab.host("vm-201").exec(["nft", "list", "table", "inet", "nft-lb"])).stdout;
  const before = await rules();
  const bad = await rest(lab, "PUT", "/farms", { body: { farms: [{ name: "web", mode: "dsr" }] } });
  t.is(bad.status, 400);
  t.regex(String(bad.body.response), /mode 'dsr' needs iface/);
  t.is((await rest(lab, "DELETE", "/farms/none")).status, 404);
  t.is(await rules(), before);
  t.is((await rest(lab, "DELETE", "/farms")).status, 200);
  t.notRegex(await rules(), /chain/);
});
