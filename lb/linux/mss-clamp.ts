// SPDX-License-Identifier: Apache-2.0
// Clamping of the MSS that SYNs announce: no segment is larger than the path takes, whether or not ICMP errors tell of it.
import { z } from "zod";
import {
  FAMILIES,
  type Host,
  type IpFamily,
  type KernelProbe,
  modprobe,
  ruleModules,
} from "../../harness/api/index.ts";

export const mssClamp = z.coerce
  .number()
  .int()
  .min(1280)
  .max(9000)
  .optional()
  .describe("path MTU in bytes: forwarded SYNs announce an MSS that fits it (not clamped)");

/** IP and TCP headers without options, which the MSS does not count. */
const HEADERS = { 4: 40, 6: 60 } as const;

export const mssOf = (pathMtu: number, family: IpFamily): number => pathMtu - HEADERS[family];

/** For iptables-restore. TCPMSS never raises an MSS. */
export const clampRules = (pathMtu: number, family: IpFamily, chain = "FORWARD"): string =>
  `*mangle\n-A ${chain} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss ${mssOf(pathMtu, family)}\nCOMMIT\n`;

/** For `nft -f`: a table of its own. The kernel never raises an MSS. */
const clampTable = (pathMtu: number): string =>
  [
    "table inet mss_clamp {",
    "chain forward {",
    "type filter hook forward priority mangle; policy accept;",
    ...FAMILIES.map(
      (family) =>
        `meta nfproto ipv${family} tcp flags & (syn | rst) == syn tcp option maxseg size set ${mssOf(pathMtu, family)}`,
    ),
    "}",
    "}",
    "",
  ].join("\n");

/** What clamping by iptables needs of programs of these names. */
export const clampProbes = (pathMtu: number | undefined): KernelProbe[] =>
  (pathMtu === undefined ? [] : FAMILIES).map((family) => ({
    what: `TCPMSS target in ${toolOf(family)}`,
    argv: [toolOf(family)],
    input: clampRules(pathMtu as number, family),
    remedy: modprobe(...ruleModules(family, clampRules(pathMtu as number, family))),
  }));

/** By iptables, in FORWARD or where else SYNs for the VIP come by. */
export async function clampByIptables(host: Host, pathMtu: number | undefined, chain?: string): Promise<void> {
  for (const family of pathMtu === undefined ? [] : FAMILIES)
    await host.exec([toolOf(family), "--noflush"], { input: clampRules(pathMtu as number, family, chain) });
}

const toolOf = (family: IpFamily) => (family === 4 ? "iptables-restore" : "ip6tables-restore");

/** For a router whose backend has no other use for netfilter: what it needs, and the clamp itself. */
export const nftClampProbes = (pathMtu: number | undefined): KernelProbe[] =>
  pathMtu === undefined
    ? []
    : [
        {
          what: "rules that change a TCP option (nftables)",
          argv: ["nft", "-f", "-"],
          input: clampTable(pathMtu),
          remedy: modprobe("nf_tables"),
        },
      ];

export async function clampByNft(host: Host, pathMtu: number | undefined): Promise<void> {
  if (pathMtu !== undefined) await host.exec(["nft", "-f", "-"], { input: clampTable(pathMtu) });
}
