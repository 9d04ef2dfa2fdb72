// SPDX-License-Identifier: Apache-2.0
import type { Tool } from "./requirements.ts";

const tool = (name: string, debian: string, ...version: string[]): Tool => ({ name, package: debian, version });

/** Tools of Linux that more than one backend works with. */
export const TOOLS = {
  ip: tool("ip", "iproute2", "-V"),
  ss: tool("ss", "iproute2", "-V"),
  nft: tool("nft", "nftables", "--version"),
  conntrack: tool("conntrack", "conntrack", "--version"),
  ipvsadm: tool("ipvsadm", "ipvsadm", "--version"),
  iptables: tool("iptables-restore", "iptables", "--version"),
  ip6tables: tool("ip6tables-restore", "iptables", "--version"),
} as const;

/** The program that takes iptables' rules in text; by nf_tables ("nft"), by the older ip_tables ("legacy"), or what the system's own is. */
export function iptablesRestore(family: 4 | 6, variant?: "nft" | "legacy"): Tool {
  const name = `ip${family === 6 ? "6" : ""}tables-${variant === undefined ? "" : `${variant}-`}restore`;
  return tool(name, "iptables", "--version");
}
