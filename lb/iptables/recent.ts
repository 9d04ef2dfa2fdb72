import { z } from "zod";
import type { Backend } from "../../harness/backend.ts";
import { leave, masquerade } from "../linux/conntrack.ts";
import { missingFor, type Need } from "../linux/probe.ts";
import { CHAIN, destination, type Family, type NatRules, natBalancer, statefulOracle } from "./iptables.ts";

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
  masquerade,
  local: z.stringbool().default(false).describe("connections that the router itself makes are balanced too"),
});

/** A source that came lately goes to the target it had: one list of sources for each target. */
export const iptablesRecent: Backend<typeof options> = {
  name: "iptables_recent",
  summary:
    "iptables DNAT with affinity by source for some seconds (recent match), else at random; conntrack keeps state",
  keepsState: true,
  handles: ["icmp_errors"],
  options,
  missing: (runtime) => missingFor(runtime, ["iptables-restore", "ip6tables-restore", "conntrack"], needs),
  affinityOption: "seconds",
  oracle: (given) => ({ ...statefulOracle(given.leave), affinityS: given.seconds }),
  facts: ({ masquerade: nat, ...given }) => ({ ...given, ...(nat === undefined ? {} : { masquerade: nat }) }),
  deploy: (lab, given, active) =>
    natBalancer(lab, { ...given, services: 0 }, active, (family, targets) => {
      const to = (index: number) => destination(lab.topology, index, family);
      return given.form === "flat"
        ? flat(family, targets, given.seconds, to)
        : chains(family, targets, given.seconds, to);
    }),
};

const listOf = (index: number, family: Family) => `lb${family}-${index + 1}`;
/** `verb`: "rcheck" only looks the source up, "update" also writes down that it came. */
const known = (verb: "rcheck" | "update", list: string, seconds: number) =>
  `-m recent --name ${list} --${verb} --seconds ${seconds} --reap`;
const draw = (left: number) =>
  left === 1 ? "" : ` -m statistic --mode random --probability ${(1 / left).toFixed(11)}`;

/** Known sources first, then a draw for each target in turn, which the same rule writes down. */
function flat(family: Family, targets: readonly number[], seconds: number, to: (index: number) => string): NatRules {
  return {
    chains: new Map(),
    rules: [
      ...targets.map(
        (index) =>
          `-A ${CHAIN} ${known("update", listOf(index, family), seconds)} -j DNAT --to-destination ${to(index)}`,
      ),
      ...targets.map(
        (index, i) =>
          `-A ${CHAIN}${draw(targets.length - i)} -m recent --name ${listOf(index, family)} --set -j DNAT --to-destination ${to(index)}`,
      ),
    ],
  };
}

/** A chain for each target writes the source down and sends it there. */
function chains(family: Family, targets: readonly number[], seconds: number, to: (index: number) => string): NatRules {
  const chain = (index: number) => `LB-TARGET-${index + 1}`;
  return {
    chains: new Map(
      targets.map((index) => [
        chain(index),
        [`-A ${chain(index)} -m recent --name ${listOf(index, family)} --set -j DNAT --to-destination ${to(index)}`],
      ]),
    ),
    rules: [
      ...targets.map((index) => `-A ${CHAIN} ${known("rcheck", listOf(index, family), seconds)} -j ${chain(index)}`),
      ...targets.map((index, i) => `-A ${CHAIN}${draw(targets.length - i)} -j ${chain(index)}`),
    ],
  };
}

const needs: Need[] = ["iptables-restore", "ip6tables-restore"].map((tool) => ({
  what: `recent match or nat table in ${tool}`,
  argv: [tool],
  input: "*nat\n-A PREROUTING -m recent --name probe --rcheck --seconds 1 --reap -j ACCEPT\nCOMMIT\n",
  remedy: "Load xt_recent and the nat table, or use another kernel.",
}));
