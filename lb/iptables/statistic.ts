import { z } from "zod";
import type { Backend } from "../../harness/backend.ts";
import { leave, masquerade } from "../linux/conntrack.ts";
import { missingFor, type Need } from "../linux/probe.ts";
import { CHAIN, destination, natBalancer, statefulOracle } from "./iptables.ts";

const options = z.strictObject({
  mode: z.enum(["nth", "random"]).default("nth").describe("new connections take turns, or are drawn by lot"),
  leave,
  masquerade,
  local: z.stringbool().default(true).describe("connections that the router itself makes are balanced too"),
  targetPort: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .optional()
    .describe("port on the targets (the same as the VIP's)"),
});

/** One rule for each target, each taking its share of what the rules before it left over; DNAT. */
export const iptablesStatistic: Backend<typeof options> = {
  name: "iptables_statistic",
  summary: "iptables DNAT with the statistic match, in turn or at random; conntrack keeps connections where they are",
  keepsState: true,
  tracks: () => true,
  handles: ["icmp_errors"],
  options,
  missing: (runtime) => missingFor(runtime, ["iptables-restore", "ip6tables-restore", "conntrack"], needs),
  oracle: (given) => statefulOracle(given.leave),
  facts: ({ masquerade: nat, targetPort, ...given }) => ({
    ...given,
    ...(nat === undefined ? {} : { masquerade: nat }),
    ...(targetPort === undefined ? {} : { targetPort }),
  }),
  deploy: (lab, given, active) =>
    natBalancer(lab, given, active, (family, targets) => ({
      chains: new Map(),
      rules: targets.flatMap((index, i) => {
        const to = destination(lab.topology, index, family, given.targetPort);
        // A port can be changed only where there are ports.
        const protocols = given.targetPort === undefined ? [""] : [" -p tcp", " -p udp"];
        return protocols.map(
          (protocol) => `-A ${CHAIN}${protocol}${share(given.mode, targets.length - i)} -j DNAT --to-destination ${to}`,
        );
      }),
    })),
};

/** One of `left`; the last rule takes all that is left. */
function share(mode: "nth" | "random", left: number): string {
  if (left === 1) return "";
  return mode === "nth"
    ? ` -m statistic --mode nth --every ${left} --packet 0`
    : ` -m statistic --mode random --probability ${(1 / left).toFixed(11)}`;
}

const needs: Need[] = ["iptables-restore", "ip6tables-restore"].map((tool) => ({
  what: `statistic match or nat table in ${tool}`,
  argv: [tool],
  input: "*nat\n-A PREROUTING -m statistic --mode nth --every 2 --packet 0 -j ACCEPT\nCOMMIT\n",
  remedy: "Load xt_statistic and the nat table, or use another kernel.",
}));
