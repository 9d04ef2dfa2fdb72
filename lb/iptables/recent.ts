// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { defineBackend, definedOptions, type IpFamily, type Topology } from "../../harness/api/index.ts";
import { leave, leavesDead, looseTcp, masquerade } from "../linux/conntrack.ts";
import { bothLive } from "../linux/direct.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { timeouts } from "../linux/options.ts";
import { checkRoom, conntrackMax, randomFully, roomOf, snatPorts } from "../linux/room.ts";
import { snatOf } from "../linux/snat-ports.ts";
import { checkShield, synproxy } from "../linux/synproxy.ts";
import {
  destination,
  natLifecycle,
  natRequirements,
  natShares,
  natSide,
  type Rules,
  statefulOracle,
  variant,
} from "./iptables.ts";

const options = z.strictObject({
  form: z
    .enum(["flat", "chains"])
    .default("chains")
    .describe("two rules in a row for each target, or a chain for each target"),
  seconds: z.coerce
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(60)
    .describe("a source stays with its target for so long after its last connection"),
  leave,
  timeouts,
  looseTcp,
  masquerade,
  snatPorts,
  randomFully,
  conntrackMax,
  mssClamp,
  synproxy,
  local: z.stringbool().default(false).describe("connections that the router itself makes are balanced too"),
  variant,
});
type Given = z.infer<typeof options>;

/** A source that came lately goes to the target it had: one list of sources for each target. */
export const iptablesRecent = defineBackend({
  name: "iptables_recent",
  summary:
    "iptables DNAT with affinity by source for some seconds (recent match), else at random; conntrack keeps state",
  tracks: () => true,
  answersSyns: ({ synproxy: shields }) => shields,
  sharesConntrack: natShares,
  protocols: ["tcp", "udp", "sctp"],
  servesVips: () => true,
  handles: ["icmp_errors"],
  leavesDead,
  clampMtu: ({ mssClamp: mtu }) => mtu ?? null,
  snat: snatOf,
  room: (given) => roomOf(given),
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
  affinityOption: "seconds",
  oracle: (given, _, protocol) => ({ ...statefulOracle(given, protocol), later: "shares", affinityS: given.seconds }),
  router: (router, given) => natSide(router, given, rulesOf(given)),
});

const rulesOf =
  ({ form, seconds }: Given) =>
  (family: IpFamily, targets: readonly number[], topology: Topology) => {
    const to = (index: number) => destination(topology, index, family);
    return form === "flat" ? flat(family, targets, seconds, to) : chains(family, targets, seconds, to);
  };

const listOf = (index: number, family: IpFamily) => `lb${family}-${index + 1}`;
/** `verb`: "rcheck" only looks the source up, "update" also writes down that it came. */
const known = (verb: "rcheck" | "update", list: string, seconds: number) =>
  `-m recent --name ${list} --${verb} --seconds ${seconds} --reap`;
const remember = (list: string, to: string) => `-m recent --name ${list} --set -j DNAT --to-destination ${to}`;
const draw = (left: number) =>
  left === 1 ? "" : `-m statistic --mode random --probability ${(1 / left).toFixed(11)} `;

/** Known sources first, then a draw for each target in turn, which the same rule writes down. */
function flat(
  family: IpFamily,
  targets: readonly number[],
  seconds: number,
  to: (index: number) => string,
): Pick<Rules, "rules" | "chains"> {
  return {
    rules: [
      ...targets.map(
        (index) => `${known("update", listOf(index, family), seconds)} -j DNAT --to-destination ${to(index)}`,
      ),
      ...targets.map((index, i) => `${draw(targets.length - i)}${remember(listOf(index, family), to(index))}`),
    ],
  };
}

/** A chain for each target writes the source down and sends it there. */
function chains(
  family: IpFamily,
  targets: readonly number[],
  seconds: number,
  to: (index: number) => string,
): Pick<Rules, "rules" | "chains"> {
  const chain = (index: number) => `LB-TARGET-${index + 1}`;
  return {
    chains: new Map(targets.map((index) => [chain(index), [remember(listOf(index, family), to(index))]])),
    rules: [
      ...targets.map((index) => `${known("rcheck", listOf(index, family), seconds)} -j ${chain(index)}`),
      ...targets.map((index, i) => `${draw(targets.length - i)}-j ${chain(index)}`),
    ],
  };
}
