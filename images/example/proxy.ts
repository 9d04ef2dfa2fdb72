// SPDX-License-Identifier: Apache-2.0
// A proxy as a backend: `test my-proxy_scale --backend ./proxy.ts`. It ends each TCP connection on the router and opens another one
// to a target in turn. So what the tester sends never reaches a target, and what targets receive the proxy has sent: it counts both.
import type { BackendKit, OutsideBackend, Router, RouterSide } from "../../harness/api/kit.ts";

const TARGETS = "/run/my-proxy.json";
const SIGHUP = 1;

/** The proxy itself, for Node.js: any program will do. It reads its targets again at SIGHUP and says so. */
const PROGRAM = `
const net = require("node:net"), fs = require("node:fs");
let targets = [], turn = 0;
const read = (event) => {
  targets = JSON.parse(fs.readFileSync("${TARGETS}"));
  console.error(event);
};
const serve = (host, port, family) => net.createServer({ allowHalfOpen: true }, (client) => {
  const list = targets.map((target) => target[family]);
  const server = list.length > 0 ? net.connect({ host: list[turn++ % list.length], port, allowHalfOpen: true }) : null;
  if (server === null) return void client.resetAndDestroy();
  for (const [from, to] of [[client, server], [server, client]])
    from.setNoDelay(true).on("error", () => to.destroy()).on("close", () => to.destroy()).pipe(to);
}).listen({ host, port, backlog: 4096 });
const [vips, ports] = [JSON.parse(process.argv[1]), JSON.parse(process.argv[2])];
read("targets read");
process.on("SIGHUP", () => read("targets read"));
const servers = Object.entries(vips).flatMap(([family, vip]) => ports.map((port) => serve(vip, port, family)));
let left = servers.length;
for (const server of servers) server.on("listening", () => --left === 0 && console.log('{"event":"ready"}'));
`;

const proxy: OutsideBackend = (kit) =>
  kit.defineBackend({
    name: "my-proxy",
    summary: "Example: a proxy in Node.js, connections to targets in turn",
    options: kit.z.strictObject({}),
    protocols: ["tcp"],
    requires: () => ({ tools: [kit.TOOLS.ip] }),
    // A connection stays with its target even when that leaves; new ones go to targets in equal shares.
    oracle: () => ({ strategy: "stateful", flush: false, assign: null, later: "shares" }),
    router: (router) => sideOf(kit, router),
  });
export default proxy;

function sideOf({ FAMILIES, PORT, VIP, addressOf, ipBatch }: BackendKit, router: Router): RouterSide {
  const { host, topology } = router;
  const write = (active: readonly number[]) => {
    const targets = topology.targets.filter((_, index) => active.includes(index));
    const addresses = targets.map((target) => Object.fromEntries(FAMILIES.map((f) => [f, addressOf(target, f)])));
    return host.exec(["@write", TARGETS], { input: JSON.stringify(addresses) });
  };
  let daemon: ReturnType<Router["start"]> | null = null;
  return {
    async install(active) {
      // Here the VIP is the router's own address: connections end at it.
      await ipBatch(host, [`addr add ${VIP[4]}/32 dev lo`, `addr add ${VIP[6]}/128 dev lo nodad`]);
      await write(active);
      daemon = router.start([
        process.execPath,
        "-e",
        PROGRAM,
        JSON.stringify(VIP),
        JSON.stringify([PORT.connect, PORT.stream.tcp]),
      ]);
      await daemon.ready("ready");
    },
    async change(active) {
      await write(active);
      const read = daemon?.until((line) => line === "targets read");
      daemon?.signal(SIGHUP);
      await read;
    },
    counters: () => relayed(router),
  };
}

/** Packets from the tester (eth2) that end here, and those to the targets (eth1), without multicast, by the devices' counters. */
async function relayed({ host }: Router): Promise<Record<string, number>> {
  const read = async (device: string) => (await host.exec(["@read", `/proc/net/dev_snmp6/${device}`])).stdout;
  const { stdout } = await host.exec(["@read", "/proc/net/dev"]);
  const column = (device: string, at: number) => {
    const line = stdout.split("\n").find((text) => text.trim().startsWith(`${device}:`));
    return Number(line?.split(":")[1]?.trim().split(/\s+/)[at]);
  };
  const multicast = (text: string, name: string) => Number(text.match(new RegExp(`^${name}\\s+(\\d+)`, "m"))?.[1]);
  return {
    "relay.in": column("eth2", 1) - multicast(await read("eth2"), "Ip6InMcastPkts"),
    "relay.out": column("eth1", 9) - multicast(await read("eth1"), "Ip6OutMcastPkts"),
  };
}
