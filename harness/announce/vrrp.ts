// SPDX-License-Identifier: Apache-2.0
// VRRP by keepalived: the routers share an address on each net, which the one of the highest priority has that the others hear of. All
// that is sent goes to that one. Or each of two routers has an address of its own that the other one takes over: then both are in use.
import { FAMILIES, type IpFamily } from "../api/network.ts";
import { programIn } from "../api/routers.ts";
import { Daemon } from "../runtime/daemon.ts";
import type { Host, Lab } from "../runtime/runtime.ts";
import { linkOn, type Machine, type Net, shownAddress, type Topology } from "../topology/topology.ts";
import { routesBy } from "../topology/wiring.ts";
import { type AnnouncerKind, type Announcing, choosers, netOf } from "./announcer.ts";
import { watchMachine } from "./monitor.ts";
import { KEEPALIVED } from "./programs.ts";
import { priorityOf } from "./timers.ts";

const CONFIG = "/run/announce-vrrp.conf";
const PIDS = ["--pid", "/run/announce-vrrp.pid", "--vrrp_pid", "/run/announce-vrrp-child.pid"];
const READY_MS = 20_000;
const SIGKILL = 9;

/** The router (index) that has each shared address while all live. */
type Owners = readonly number[];

/** One address, which the last router has. */
export const vrrp: AnnouncerKind = kindOf("vrrp", ({ routers }) => [routers.length - 1]);

/** An address for each router. */
export const vrrpBoth: AnnouncerKind = kindOf("vrrp-both", ({ routers }) => [...routers.keys()]);

function kindOf(by: "vrrp" | "vrrp-both", ownersOf: (topology: Topology) => Owners): AnnouncerKind {
  return {
    by,
    programs: [KEEPALIVED],
    speaks: true,
    async start(announcing) {
      const { lab, timers } = announcing;
      const owners = ownersOf(lab.topology);
      const daemons = await Promise.all(lab.topology.routers.map((router) => keepalivedOn(announcing, router, owners)));
      const readyMs = READY_MS + 10 * timers.intervalMs;
      await Promise.all(daemons.map((daemon, i) => daemon.while(settled(lab, i, owners), readyMs)));
      const ends = await Promise.all(choosers(lab).map((machine) => viaShared(announcing, machine, owners)));
      return async () => {
        await Promise.all([...daemons.map((daemon) => daemon.end(SIGKILL)), ...ends.map((end) => end())]);
      };
    },
  };
}

const FIRST_SHARED = 250;

/** The routers' common address on a net, of this number. */
const sharedAddress = (net: Net, family: IpFamily, number: number): string =>
  `${family === 6 ? "1000::1:" : ""}192.168.${net.slice(-1)}.${FIRST_SHARED + number}`;

async function keepalivedOn({ lab, timers, onBroken }: Announcing, router: Machine, owners: Owners): Promise<Daemon> {
  const host = lab.host(router.name);
  const program = await programIn(lab, KEEPALIVED);
  const index = lab.topology.routers.indexOf(router);
  // Of several addresses each router has the highest priority for its own.
  const priorities =
    owners.length > 1 ? owners.map((owner) => priorityOf(owner === index ? 1 : 0)) : [priorityOf(index)];
  await host.exec(["@write", CONFIG], { input: configuration({ priorities, intervalMs: timers.intervalMs }) });
  return new Daemon(
    host,
    [program.path, "--dont-fork", "--log-console", "--vrrp", "--dont-respawn", "--use-file", CONFIG, ...PIDS],
    { env: program.env, onEnd: (how) => onBroken(`keepalived (VRRP) on ${router.name} ${how}`) },
  );
}

/** `priorities`: of the router, for each shared address. */
export function configuration({
  priorities,
  intervalMs,
}: {
  priorities: readonly number[];
  intervalMs: number;
}): string {
  const instances = priorities.flatMap((priority, number) =>
    (["net1", "net2"] as const).flatMap((net) => FAMILIES.map((family) => ({ net, family, priority, number }))),
  );
  const named = ({ net, family, number }: (typeof instances)[number]) => `${net}_${family}_${number}`;
  const blocks = instances.map((one) => {
    const { net, family, priority, number } = one;
    const device = `eth${net.slice(-1)}`;
    const linkLocal = `fe80::${FIRST_SHARED + number}/64 dev ${device}`;
    const own = family === 6 ? ["native_ipv6", "virtual_ipaddress {", `  ${linkLocal}`] : ["virtual_ipaddress {"];
    return [
      `vrrp_instance ${named(one)} {`,
      "  state BACKUP",
      `  interface ${device}`,
      `  virtual_router_id ${10 + number}`,
      `  priority ${priority}`,
      "  version 3",
      `  advert_int ${intervalMs / 1000}`,
      ...own.map((line) => `  ${line}`),
      `    ${sharedAddress(net, family, number)}/${family === 6 ? 128 : 32} dev ${device}`,
      "  }",
      "}",
    ];
  });
  const groups = priorities.map((_, number) => [
    `vrrp_sync_group all_${number} {`,
    "  group {",
    ...instances.filter((one) => one.number === number).map((one) => `    ${named(one)}`),
    "  }",
    "}",
  ]);
  return [
    // One that never heard of another master says nothing when that one steps down, and neighbours stay as they are.
    "global_defs {",
    "  vrrp_garp_master_refresh 1",
    "}",
    ...blocks.flat(),
    ...groups.flat(),
    "",
  ].join("\n");
}

/** The router has the shared addresses that are its own, and no other ones. */
async function settled(lab: Lab, index: number, owners: Owners): Promise<void> {
  const { routers } = lab.topology;
  const host = lab.host(routers[index]?.name ?? "");
  const wanted = owners.map((owner) => (owner === index ? 4 : 0));
  const addresses = owners.map((_, number) =>
    (["net1", "net2"] as const).flatMap((net) => FAMILIES.map((family) => sharedAddress(net, family, number))),
  );
  for (;;) {
    const { stdout } = await host.exec(["ip", "-o", "address", "show"]);
    const held = new Set(stdout.split(/\s+/).map((word) => word.split("/")[0]));
    const has = addresses.map((some) => some.filter((address) => held.has(shownAddress(address))).length);
    if (has.join() === wanted.join()) return;
    await lab.clock.sleep(50);
  }
}

/** Routes by the shared addresses; which router has them is what the machine's neighbours say. */
async function viaShared({ lab, views }: Announcing, machine: Machine, owners: Owners): Promise<() => Promise<void>> {
  const net = netOf(machine);
  const { device } = linkOn(machine, net);
  const host = lab.wiring(machine.name);
  const shared = owners.flatMap((owner, number) =>
    FAMILIES.map((family) => ({ owner, family, address: sharedAddress(net, family, number) })),
  );
  const neighbours = shared.map(({ owner, address }) => {
    const { mac } = linkOn(lab.topology.routers[owner] as Machine, net);
    return `neigh replace ${address} dev ${device} lladdr ${mac} nud stale\n`;
  });
  const input = [
    ...neighbours,
    routesBy(
      machine,
      shared.map(({ address }) => address),
    ),
  ].join("");
  await host.exec(["ip", "-batch", "-"], { input });
  return watchMachine(host, views, "neigh", () => routersOf(lab, host, { net, device, shared }));
}

/** null: the families differ. */
async function routersOf(
  { topology }: Lab,
  host: Host,
  { net, device, shared }: { net: Net; device: string; shared: readonly { family: IpFamily; address: string }[] },
): Promise<ReadonlySet<number> | null> {
  const found = await Promise.all(
    shared.map(async ({ family, address }) => {
      const { stdout } = await host.exec(["ip", "neigh", "show", "to", address, "dev", device]);
      const mac = /lladdr (\S+)/.exec(stdout)?.[1];
      return { family, router: topology.routers.findIndex((router) => linkOn(router, net).mac === mac) };
    }),
  );
  const [four, six] = FAMILIES.map((wanted) =>
    found.flatMap(({ family, router }) => (family === wanted ? [router] : [])),
  );
  return four?.join() === six?.join() && four?.every((router) => router >= 0) ? new Set(four) : null;
}
