// SPDX-License-Identifier: Apache-2.0
import type { Backend } from "../harness/api/index.ts";
import { dpdk } from "./dpdk/dpdk.ts";
import { ecmp, ecmpResilient } from "./ecmp/ecmp.ts";
import { asFound } from "./found/as-found.ts";
import { iptablesHmark } from "./iptables/hmark.ts";
import { iptablesRecent } from "./iptables/recent.ts";
import { iptablesStatistic } from "./iptables/statistic.ts";
import { ipvs } from "./ipvs/ipvs.ts";
import { keepalived } from "./keepalived/keepalived.ts";
import { loaded } from "./loaded/loaded.ts";
import { nfqueue, synOnly } from "./nfqueue/nfqueue.ts";
import { nftables } from "./nftables/nftables.ts";
import { nftlb } from "./nftlb/nftlb.ts";
import { haproxy } from "./proxies/haproxy.ts";
import { nginx } from "./proxies/nginx.ts";
import { tc, xdp, xdpUser } from "./xdp/xdp.ts";

/** Every backend; a case is named `<backend>` or `<backend>_<scenario>`. */
export const backends: readonly Backend[] = [
  nfqueue,
  synOnly,
  ecmp,
  ecmpResilient,
  iptablesStatistic,
  iptablesRecent,
  iptablesHmark,
  nftables,
  nftlb,
  loaded,
  haproxy,
  nginx,
  xdp,
  xdpUser,
  tc,
  dpdk,
  ipvs,
  keepalived,
  asFound,
];
