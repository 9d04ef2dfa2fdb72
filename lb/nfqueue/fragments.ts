// SPDX-License-Identifier: Apache-2.0
// What a router needs so that the fragments of a datagram meet in one place and go the way of their flow.
import { FAMILIES, type Host, ipBatch, type Lab, linkOn, type Machine, vipPrefix } from "../../harness/api/index.ts";

/** fwmark and routing table of router i are MARK + i + 1: out of the way of those of the targets. */
const MARK = 3000;
const SHM = "nfqueue-lb-routers";
const TUN = "lb-fragments";

export const TUN_DEVICE = "/dev/net/tun";

export interface FragmentSetup {
  /** For the command line of `nfqueue-lb run`. */
  words: string[];
  /** For mangle, before the rule that queues; "VIP" stands for the address. */
  rules: string;
}

/**
 * Fragments take any router; by their addresses one of them is chosen that keeps those of a flow, and the others send them
 * there over net1. What comes from another router, or again from the tun device, carries the mark that says "here".
 */
export async function prepareFragments(
  lab: Lab,
  router: Machine,
  given: { hashSeed: number; fragmentTtl: number; fragmentBytes: number; reassembler: boolean },
): Promise<FragmentSetup> {
  const host = lab.host(router.name);
  const { routers } = lab.topology;
  await host.exec(["nft", "-f", "-"], { input: NOTRACK });
  const words = ["--fragments", "--tun", TUN];
  words.push("--fragment-ttl", `${given.fragmentTtl}`, "--fragment-bytes", `${given.fragmentBytes}`);
  if (given.reassembler) words.push("--reassembler");
  if (routers.length < 2) return { words, rules: "" };
  const program = lab.program("nfqueue-lb");
  const own = MARK + routers.indexOf(router) + 1;
  const seed = `${given.hashSeed}`;
  await host.exec([program, "init", "--shm", SHM, "--M", "997", "--N", "16", "--seed", seed]);
  await setOwners(
    host,
    program,
    routers.map((_, i) => i),
  );
  await routesToRouters(host, router, routers);
  const devices = [linkOn(router, "net1").device, TUN];
  return {
    words: [...words, "--routers", SHM, "--own", `${own}`],
    rules: devices.map((device) => `-A PREROUTING -i ${device} -d VIP -j MARK --set-mark ${own}\n`).join(""),
  };
}

/** Of these routers (indices) one keeps the fragments of a flow. */
export async function setOwners(host: Host, program: string, routers: readonly number[]): Promise<void> {
  const marks = routers.map((i) => `${i}:${MARK + i + 1}`).join(",");
  await host.exec([program, "set", "--shm", SHM, "--active", marks]);
}

/** Where conntrack is loaded it would put fragments together at priority -400: what it does not track it leaves alone. */
export const NOTRACK = `table inet lb_fragments {
  chain raw {
    type filter hook prerouting priority -450; policy accept;
    ip daddr ${vipPrefix(4)} ip frag-off & 0x3fff != 0 notrack
    ip6 daddr ${vipPrefix(6)} exthdr frag exists notrack
  }
}
`;

async function routesToRouters(host: Host, own: Machine, routers: readonly Machine[]): Promise<void> {
  const { device } = linkOn(own, "net1");
  for (const family of FAMILIES) {
    const lines = routers.flatMap((router, i) => {
      if (router === own) return [];
      const mark = MARK + i + 1;
      const { ipv4, ipv6, mac } = linkOn(router, "net1");
      const [via, all] = family === 4 ? [ipv4, "0.0.0.0/0"] : [ipv6, "::/0"];
      return [
        `neigh replace ${via} lladdr ${mac} dev ${device} nud permanent`,
        `rule add pref 90 fwmark ${mark} table ${mark}`,
        `route add ${all} via ${via} table ${mark}`,
      ];
    });
    await ipBatch(host, lines, family);
  }
}
