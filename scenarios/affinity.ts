// SPDX-License-Identifier: Apache-2.0
import { affinityS, type Scenario, UsageError } from "../harness/api/index.ts";

const SPAN_S = 3;
/** In spans: the third visit is late for the first but not for the second, so a visit must renew the affinity; the last is late. */
const VISITS = [0, 0.5, 1.25, 2.5];
const LONGEST_S = 3600;

export const affinity: Scenario = {
  name: "affinity",
  summary:
    "62 sources of each family come again and again: back to their targets in time, free to move once their affinity expired.",
  routers: 1,
  affinityS: SPAN_S,
  // IPVS keeps a source with its target for as long as it remembers a connection of it.
  set: { timeouts: "0,1,1" },
  unfit: (oracle, families) =>
    families.every((family) => affinityS(oracle, family) > 0)
      ? null
      : "This strategy keeps no source with its target: ports, turn or chance decide for every connection. Try iptables_recent, nftables, or a hash of addresses only.",
  plan({ affinityS: span, atS, durationS, routers }) {
    if (routers > 1)
      throw new UsageError(
        `Cannot run 'affinity' with ${routers} routers: each remembers the sources that it saw. Try --routers 1.`,
      );
    if (durationS !== null)
      throw new UsageError(
        "'affinity' ends with its last visit: its times are those of --at, and it takes no --duration.",
      );
    const visitsS = atS ? [0, ...atS] : VISITS.map((visit) => visit * (span ?? SPAN_S));
    if (visitsS.some((s, i) => i > 0 && s <= (visitsS[i - 1] ?? 0)))
      throw new UsageError(`The times of --at must be positive and rise: '${atS?.join(" ")}'.`);
    const last = visitsS.at(-1) ?? 0;
    if (last > LONGEST_S)
      throw new UsageError(`Cannot run 'affinity' for ${last} s: an affinity of ${span} s takes too long to expire.`);
    return { mode: "connect", durationS: last, out: [], steps: [], visitsS };
  },
};
