// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { defineBackend, definedOptions, type IpFamily, type Topology } from "../../harness/api/index.ts";
import { beginsAnew, leave, leavesDead, looseTcp, masquerade, natReuse } from "../linux/conntrack.ts";
import { bothLive } from "../linux/direct.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { timeouts, turnsPart } from "../linux/options.ts";
import { checkRoom, conntrackMax, randomFully, roomOf, snatPorts } from "../linux/room.ts";
import { snatOf } from "../linux/snat-ports.ts";
import { checkShield, synproxy, takesLoose } from "../linux/synproxy.ts";
import { destination, natLifecycle, natRequirements, natShares, natSide, statefulOracle, variant } from "./iptables.ts";

const options = z.strictObject({
  mode: z.enum(["nth", "random"]).default("nth").describe("new connections take turns, or are drawn by lot"),
  leave,
  timeouts,
  looseTcp,
  masquerade,
  snatPorts,
  randomFully,
  conntrackMax,
  mssClamp,
  synproxy,
  local: z.stringbool().default(true).describe("connections that the router itself makes are balanced too"),
  targetPort: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("port on the targets (the same as the VIP's)"),
  variant,
});
type Given = z.infer<typeof options>;

/** One rule for each target, each taking its share of what the rules before it left over; DNAT. */
export const iptablesStatistic = defineBackend({
  name: "iptables_statistic",
  summary: "iptables DNAT with the statistic match, in turn or at random; conntrack keeps connections where they are",
  tracks: () => true,
  answersSyns: ({ synproxy: shields }) => shields,
  sharesConntrack: natShares,
  protocols: ["tcp", "udp", "sctp"],
  servesVips: () => true,
  handles: ["icmp_errors"],
  leavesDead,
  clampMtu: ({ mssClamp: mtu }) => mtu ?? null,
  snat: snatOf,
  reuse: (given, protocol) => (given.synproxy ? null : natReuse(given, protocol)),
  room: (given) => roomOf(given, given.mode === "nth"),
  effectiveOptions(given) {
    checkShield(given);
    checkRoom(given, given.masquerade ?? null, "masquerade=true");
    return definedOptions(given);
  },
  direct: () => bothLive,
  withoutTargets: ({ synproxy: shields }, protocol) => (shields ? null : noRoute(protocol)),
  lifecycle: {
    actions: ["reload", "upgrade"],
    of: ({ synproxy: shields }, protocol) => (shields ? null : natLifecycle(protocol)),
  },
  service: "a rule in PREROUTING and a chain with rules for its targets",
  options,
  requires: (given) => natRequirements(given, rulesOf(given)),
  oracle: (given, _, protocol) => ({
    ...statefulOracle(given, protocol),
    ...turnsPart(given.mode === "nth" && given.leave === "flush", beginsAnew(protocol, takesLoose(given))),
  }),
  router: (router, given) => natSide(router, given, rulesOf(given)),
});

const rulesOf =
  ({ mode, targetPort }: Given) =>
  (family: IpFamily, targets: readonly number[], topology: Topology) => ({
    rules: targets.flatMap((index, i) => {
      const to = destination(topology, index, family, targetPort);
      // A port can be changed only where there are ports.
      const protocols = targetPort === undefined ? [""] : ["-p tcp ", "-p udp ", "-p sctp "];
      return protocols.map((protocol) => `${protocol}${share(mode, targets.length - i)}-j DNAT --to-destination ${to}`);
    }),
  });

/** One of `left`; the last rule takes all that is left. */
function share(mode: "nth" | "random", left: number): string {
  if (left === 1) return "";
  return mode === "nth"
    ? `-m statistic --mode nth --every ${left} --packet 0 `
    : `-m statistic --mode random --probability ${(1 / left).toFixed(11)} `;
}
