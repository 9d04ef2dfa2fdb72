// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  defineBackend,
  definedOptions,
  type EffectiveOptions,
  type Lab,
  type OracleSpec,
  type Protocol,
  planTopology,
  type Requirements,
  type Router,
  type RouterSide,
  TOOLS,
  UsageError,
} from "../../harness/api/index.ts";
import { checkedStats, ipvsRequirements, prepareWays } from "../ipvs/ipvs.ts";
import { TUNNELS } from "../ipvs/paths.ts";
import { catchVip, needsMasquerade } from "../ipvs/table.ts";
import { conntrackCounters, flushTargets, leave, leavesDead, looseTcp } from "../linux/conntrack.ts";
import { checkRules } from "./check.ts";
import { type Dump, readDump } from "./dump.ts";
import { fileOptions } from "./file.ts";
import { destinationsText, servicesText } from "./ipvsadm.ts";

const options = z.strictObject({
  ...fileOptions,
  config: z
    .string()
    .optional()
    .describe("output of ipvsadm-save -n, iptables-save, ip6tables-save or nft list ruleset"),
  vip: z
    .string()
    .optional()
    .describe("the VIP in the file, of rules; '203.0.113.10', or one of each family with a comma"),
  targets: z
    .string()
    .optional()
    .describe("the targets in the file, of rules; 'a,b,c' in the order of the lab's, or 'a:8080,...'"),
  leave,
  looseTcp,
});
export type Options = z.infer<typeof options>;

/** A dump of somebody's rules, as they were found. */
export const asFound = defineBackend({
  name: "as_found",
  summary:
    "somebody's rules as they were found: ipvsadm-save, iptables-save or nft list ruleset, with the lab's addresses",
  options,
  handles: ["icmp_errors"],
  tunnels: TUNNELS,
  tracks: (given, targets) => given.config !== undefined && dumpOf(given, targets).format !== "ipvsadm",
  leavesDead,
  requires,
  asks: ({ config }) => (config === undefined ? NO_FILE : null),
  oracle: (given, targets, protocol) => (given.config === undefined ? null : oracleOf(given, targets, protocol)),
  serves: (given, targets) => (given.config === undefined ? null : dumpOf(given, targets).served),
  effectiveOptions: (given, targets) => ({ ...factsOf(given, targets) }),
  async prepare(lab: Lab, given) {
    const dump = dumpOf(given, lab.topology.targets.length);
    if (dump.format === "ipvsadm") await prepareWays(lab, ipvsOptions(dump, given));
  },
  router: (router, given) => {
    const dump = dumpOf(given, router.topology.targets.length);
    return dump.format === "ipvsadm" ? ipvsSide(router, given, dump) : rulesSide(router, given, dump);
  },
});

function dumpOf(given: Options, targets: number | null): Dump {
  const { config } = given;
  if (config === undefined) throw new UsageError("as_found needs a file: --set config=FILE.");
  return readDump({ ...given, config }, targets);
}

const NO_FILE = "Backend 'as_found' needs your rules: --set config=FILE (ipvsadm-save, iptables-save or nft).";

function requires(given: Options): Requirements {
  if (given.config === undefined) return { tools: [TOOLS.nft, TOOLS.conntrack] };
  const dump = dumpOf(given, null);
  if (dump.format === "ipvsadm") return ipvsRequirements(ipvsOptions(dump, given), dump.file.schedulers);
  const tool = dump.format === "nft" ? TOOLS.nft : dump.family === 6 ? TOOLS.ip6tables : TOOLS.iptables;
  return { tools: [tool, TOOLS.conntrack], check: ({ isHere }) => checkRules(dump, isHere) };
}

function oracleOf(given: Options, targets: number, protocol: Protocol): OracleSpec | null {
  const dump = dumpOf(given, targets);
  if (dump.format === "ipvsadm") return dump.file.oracle(protocol, targets, { leave: ipvsLeave(given) });
  // Conntrack remembers what a DNAT rule chose. How it chooses is not read out of the rules.
  return dump.rules.choosesByDnat
    ? { strategy: "stateful", flush: given.leave === "flush", assign: null, uneven: true }
    : null;
}

function factsOf(given: Options, targets: number): EffectiveOptions {
  const { vip, targets: named, ...shown } = given;
  if (given.config === undefined) return definedOptions(shown);
  const dump = dumpOf(given, targets);
  const topology = planTopology({ targets, routers: 1 });
  const [router] = topology.routers;
  // What nobody has named is found before anything is started.
  if (router && dump.format !== "ipvsadm") dump.text({ topology, router }, []);
  return {
    ...definedOptions(shown),
    format: dump.format,
    ...(vip === undefined ? {} : { vip }),
    ...(named === undefined ? {} : { targets: named }),
    ...(dump.format === "ipvsadm" ? { forward: dump.file.forward, scheduler: dump.file.schedulers.join(",") } : {}),
  };
}

const ipvsLeave = ({ leave: how }: Options) => ({ flush: "remove", drain: "drain", dead: "dead" })[how] as "remove";

type IpvsDump = Extract<Dump, { format: "ipvsadm" }>;
type RulesDump = Exclude<Dump, IpvsDump>;

function ipvsOptions({ file }: IpvsDump, given: Options) {
  const [protocol = "tcp"] = file.layout.served.protocols;
  const found = file.optionsFor(protocol, { leave: ipvsLeave(given) });
  if (!found) throw new UsageError(`'${given.config}' has no service.`);
  return found;
}

function ipvsSide(router: Router, given: Options, dump: IpvsDump): RouterSide {
  const { host, lab, topology, machine } = router;
  const { file } = dump;
  const ipvs = ipvsOptions(dump, given);
  const at = { topology, router: machine };
  const tell = (...texts: string[]) => host.exec(["ipvsadm", "-R"], { input: texts.join("") });
  let wasEmpty = false;
  return {
    async install(first) {
      await catchVip(host, ipvs, needsMasquerade(lab, ipvs), {
        others: file.layout.others,
        isVirtual: lab.clock.isVirtual,
      });
      await tell(servicesText(file, at), destinationsText(file, at, first, { verb: "-a" }));
    },
    async change(next, before) {
      const [gone, come] = [without(before, next), without(next, before)];
      wasEmpty ||= next.length === 0;
      if (given.leave === "flush")
        await tell(destinationsText(file, at, gone, { verb: "-d" }), destinationsText(file, at, come, { verb: "-a" }));
      else
        await tell(
          destinationsText(file, at, gone, { verb: "-e", drained: true }),
          destinationsText(file, at, come, { verb: "-e" }),
        );
    },
    counters: checkedStats(router, ipvs, { wasEmpty: () => wasEmpty }),
  };
}

const without = (all: readonly number[], others: readonly number[]) => all.filter((index) => !others.includes(index));

function rulesSide({ host, topology, machine }: Router, given: Options, dump: RulesDump): RouterSide {
  const all = [...topology.targets.keys()];
  // Rules are replaced as a whole, in one commit.
  const load = async (active: readonly number[]) => {
    const text = dump.text({ topology, router: machine }, without(all, active));
    const restore = dump.format === "iptables" && (dump.family === 6 ? "ip6tables-restore" : "iptables-restore");
    if (restore) await host.exec([restore, "--wait"], { input: text });
    else await host.exec(["nft", "-f", "-"], { input: `flush ruleset\n${text}` });
  };
  return {
    async install(first) {
      await load(first);
      await host.exec(["@sysctl"], { input: `?net/netfilter/nf_conntrack_tcp_loose=${Number(given.looseTcp)}\n` });
    },
    async change(next, before) {
      await load(next);
      if (given.leave === "flush" && dump.rules.choosesByDnat)
        await flushTargets(host, topology, without(before, next));
    },
    counters: () => conntrackCounters(host),
  };
}
