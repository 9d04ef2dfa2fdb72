// SPDX-License-Identifier: Apache-2.0
// Further services beside the VIP's: they are really there and serve, and take nothing from the VIP's.

import test from "ava";
import { FAMILIES, ipBatch, type Lab, linkOn, otherVip, planTopology, SOURCES, VIP } from "../harness/api/index.ts";
import { netns, parseBackendOptions, startServers } from "../harness/testing/lab.ts";
import { isSkipped } from "../harness/testing/skip.ts";
import { backends } from "./index.ts";

const SERVICES = 3;
const CONNECTIONS = 60;
const TARGETS = ["vm-001", "vm-002", "vm-003"];

const at = (address: string) => `${address.includes(":") ? `[${address}]` : address}:5001`;

let seed = 0;

/** Names of the targets that answered connections that nobody made before. */
async function answering(lab: Lab, address: string): Promise<string[]> {
  const src = SOURCES[address.includes(":") ? 6 : 4];
  const argv = [
    "connect",
    "--address",
    at(address),
    "--connections",
    `${CONNECTIONS}`,
    "--src",
    src,
    "--seed",
    `${++seed}`,
  ];
  const { stdout } = await lab
    .host(lab.topology.tester.name)
    .exec([lab.program("traffic"), ...argv, "--timeout", "1s", "--output", "json"], { check: false });
  return Object.keys((JSON.parse(stdout) as { hosts: Record<string, number> | null }).hosts ?? {}).sort();
}

/** Leads packets for the further services to the router, and lets targets take those that keep their address. */
async function reach(lab: Lab): Promise<void> {
  const { topology } = lab;
  const [router] = topology.routers;
  if (!router) throw new Error("There is no router.");
  const { ipv4, ipv6 } = linkOn(router, "net2");
  for (const i of Array.from({ length: SERVICES }, (_, n) => n + 1)) {
    const vips = FAMILIES.map((family) => otherVip(i, family));
    for (const { name } of topology.targets)
      await ipBatch(
        lab.host(name),
        vips.map((vip) => `addr add ${vip} dev lo${vip.includes(":") ? " nodad" : ""}`),
      );
    await ipBatch(
      lab.host(topology.tester.name),
      vips.map((vip, n) => `route add ${vip} via ${n === 0 ? ipv4 : ipv6}`),
    );
  }
}

for (const backend of backends.filter(({ service }) => service !== undefined))
  test.serial(`${backend.name}: further services serve beside the VIP's, ${backend.service}`, async (t) => {
    if (isSkipped(t, [...(await netns.missing()), ...(await backend.missing(netns, parseBackendOptions(backend, [])))]))
      return;
    await using lab = await netns.up(planTopology({ targets: 3, routers: 1 }), new AbortController().signal);
    await using balancer = await backend.deploy(lab, parseBackendOptions(backend, []), [0, 1, 2], SERVICES);
    await Promise.all([startServers(lab), reach(lab)]);
    for (const family of FAMILIES) t.deepEqual(await answering(lab, VIP[family]), TARGETS);
    const router = lab.host("vm-201");
    if (backend.name === "nfqueue" || backend.name === "syn_only") {
      // Only packets for the VIP are queued: the flows are there, and the VIP's is asked last.
      const { stdout } = await router.exec([lab.program("nfqueue-lb"), "flow-list", "--shm", "nfqueue-lb"]);
      const { flows } = JSON.parse(stdout) as { flows: { name: string; packets: number }[] };
      t.deepEqual(
        flows.map(({ name }) => name),
        ["other1", "other2", "other3", "vip"],
      );
      t.true((flows.at(-1)?.packets ?? 0) >= 2 * CONNECTIONS, stdout);
    } else
      for (const family of FAMILIES)
        for (const i of [1, SERVICES]) t.deepEqual(await answering(lab, otherVip(i, family)), TARGETS, `${i}`);
    await balancer.setTargets([1, 2]);
    for (const family of FAMILIES) t.deepEqual(await answering(lab, VIP[family]), TARGETS.slice(1));
  });
