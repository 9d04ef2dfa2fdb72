// SPDX-License-Identifier: Apache-2.0
import { fabricOf } from "../runtime/fabric.ts";
import { LabError } from "../runtime/runtime.ts";
import { linkOn, SOURCES, VIP } from "../topology/topology.ts";
import { reference } from "./reference.ts";

/** ip(8) takes no route with many more; of more targets the first share the load, as with plain forwarding. */
const MOST_HOPS = 32;

/**
 * No router at all, the second reference: the tester's port is moved to the targets' bridge, and a multipath route of its own spreads
 * connections over the same number of targets, which costs nothing for a packet of a connection. So what plain forwarding has less,
 * or costs more, is the router.
 */
export const direct = reference(
  "direct",
  "no router: the tester on the targets' network",
  async (lab, _options, active) => {
    const { targets, tester, routers, prefix } = lab.topology;
    const [router] = routers;
    if (!router) throw new LabError("The lab has no router to leave out.");
    const { device, mac } = linkOn(tester, "net2");
    // What the tester would have on net1, beside the router's: 192.168.1.221.
    const { ipv4, ipv6 } = linkOn(router, "net1");
    const own = (address: string) => address.replace(/\d+$/, `${tester.number}`);
    const addresses = [own(ipv4), own(ipv6)] as const;
    const chosen = active.slice(0, MOST_HOPS).flatMap((i) => targets[i]?.links ?? []);
    const batch = (name: string, lines: readonly string[]) =>
      lab.wiring(name).exec(["ip", "-batch", "-"], { input: `${lines.join("\n")}\n` });
    await batch(fabricOf(lab, tester.name), [`link set ${tester.name}.2 master net1`]);
    await batch(tester.name, [
      `addr add ${addresses[0]}/${prefix.net1.v4} dev ${device}`,
      `addr add ${addresses[1]}/${prefix.net1.v6} dev ${device} nodad`,
      ...chosen.flatMap((link) => neighbours([link.ipv4, link.ipv6], link.mac, device)),
      `route replace ${VIP[4]}/32 ${chosen.map((link) => `nexthop via ${link.ipv4}`).join(" ")}`,
      `route replace ${VIP[6]}/128 ${chosen.map((link) => `nexthop via ${link.ipv6}`).join(" ")}`,
    ]);
    await Promise.all(
      targets.map((target) =>
        batch(target.name, [
          ...neighbours(addresses, mac, linkOn(target, "net1").device),
          `route replace ${SOURCES[4]} via ${addresses[0]}`,
          `route replace ${SOURCES[6]} via ${addresses[1]}`,
        ]),
      ),
    );
    return {
      setTargets: async () => {
        throw new LabError("Without a router there is nothing that targets could leave.");
      },
      counters: async () => ({}),
      async [Symbol.asyncDispose]() {},
    };
  },
);

function neighbours(addresses: readonly string[], mac: string, device: string): string[] {
  return addresses.map((address) => `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`);
}
