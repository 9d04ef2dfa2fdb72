// SPDX-License-Identifier: Apache-2.0
// Clamping of the MSS that SYNs announce: no segment is larger than the path takes, whether or not ICMP errors tell of it.
import { z } from "zod";
import { FAMILIES, type IpFamily } from "../../harness/api/index.ts";

export const mssClamp = z.coerce
  .number()
  .int()
  .min(1280)
  .max(9000)
  .optional()
  .describe("path MTU in bytes: forwarded SYNs announce an MSS that fits it (not clamped)");

/** IP and TCP headers without options, which the MSS does not count. */
const HEADERS = { 4: 40, 6: 60 } as const;

const mssOf = (pathMtu: number, family: IpFamily): number => pathMtu - HEADERS[family];

/** For iptables-restore. TCPMSS never raises an MSS. */
export const clampRules = (pathMtu: number, family: IpFamily): string =>
  `*mangle\n-A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss ${mssOf(pathMtu, family)}\nCOMMIT\n`;

/** For `nft -f`: a table of its own. The kernel never raises an MSS. */
export const clampTable = (pathMtu: number): string =>
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
