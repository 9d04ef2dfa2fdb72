// SPDX-License-Identifier: Apache-2.0
// What the machines and their kernel must have for the balancer, each thing tried and not guessed.
import { access } from "node:fs/promises";
import type { Runtime } from "../../harness/runtime/runtime.ts";
import { missingFor, type Need } from "../linux/probe.ts";
import { NOTRACK, TUN_DEVICE } from "./fragments.ts";

const REMEDY = "or use another kernel (--runtime vm).";
const IPTABLES = ["iptables-restore", "ip6tables-restore"] as const;

/** One sentence for each thing that is missing, with the remedy. */
export async function missingForQueue(
  runtime: Runtime,
  given: { synOnly?: boolean; fragments?: boolean },
): Promise<string[]> {
  const needs = [...QUEUE, ...(given.synOnly ? SYN_ONLY : []), ...(given.fragments ? FRAGMENTS : [])];
  const nft = given.fragments ? (["nft"] as const) : [];
  const missing = await missingFor(runtime, [...IPTABLES, "ip", "conntrack", ...nft], needs);
  if (given.fragments && runtime.name === "docker" && !(await exists(TUN_DEVICE)))
    missing.push(`There is no ${TUN_DEVICE} to give to the routers' containers. Run 'modprobe tun'.`);
  return missing;
}

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );

/** The same rules for both families. */
const rules = (what: string, input: string, modules: string): Need[] =>
  IPTABLES.map((tool) => ({ what: `${what} in ${tool}`, argv: [tool], input, remedy: `Load ${modules}, ${REMEDY}` }));

/** The queue itself cannot be tried so: its module is loaded when a program binds one, which says so when it is not there. */
const QUEUE = rules(
  "NFQUEUE target",
  "*mangle\n-A PREROUTING -p udp -j NFQUEUE --queue-balance 0:1\nCOMMIT\n",
  "xt_NFQUEUE and the mangle table",
);

const SYN_ONLY: Need[] = [
  ...rules(
    "CT target, which leaves packets untracked,",
    "*raw\n-A PREROUTING -p tcp --syn -j CT --notrack\nCOMMIT\n",
    "xt_CT and the raw table",
  ),
  ...rules(
    "CONNMARK target or connmark match",
    "*mangle\n-A PREROUTING -j CONNMARK --restore-mark\n-A POSTROUTING -m connmark --mark 0 -j CONNMARK --save-mark\nCOMMIT\n",
    "xt_connmark and the mangle table",
  ),
  {
    what: "conntrack entries that user space can make and delete",
    argv: ["conntrack", "-C"],
    input: "",
    remedy: `Load nf_conntrack_netlink, ${REMEDY}`,
  },
];

const FRAGMENTS: Need[] = [
  {
    what: "notrack or fragment match in nftables",
    argv: ["nft", "-f", "-"],
    input: NOTRACK,
    remedy: `Load nft_ct and nf_tables, ${REMEDY}`,
  },
  {
    what: "tun device that may be opened",
    argv: ["ip", "tuntap", "add", "dev", "lb-probe", "mode", "tun"],
    input: "",
    remedy: `Run 'modprobe tun', or as root, ${REMEDY}`,
  },
];
