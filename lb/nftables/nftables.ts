// SPDX-License-Identifier: Apache-2.0
import {
  type AssignSpec,
  defineBackend,
  definedOptions,
  type EffectiveOptions,
  type KernelProbe,
  type OracleSpec,
  type Protocol,
  setSysctls,
  TOOLS,
} from "../../harness/api/index.ts";
import { conntrackCounters, flushTargets, leavesDead, natReuse, setTimeouts } from "../linux/conntrack.ts";
import { clampByNft } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { memoryPart, turnsPart, weightsPart } from "../linux/options.ts";
import { limitTable, ownKernel, roomOf, tableFull } from "../linux/room.ts";
import { snatCounters, snatOf } from "../linux/snat-ports.ts";
import { type Given, isStateless, options, type Settings, settle } from "./options.ts";
import { change, otherServices, ruleset } from "./ruleset.ts";

/** nftables as nftlb sets it up: a verdict map finds the service, a map the target. */
export const nftables = defineBackend({
  name: "nftables",
  summary:
    "nftables maps: DNAT, SNAT, direct return or stateless DNAT; in turn, at random or by hash; weights, priorities",
  tracks: (given, targets) => !isStateless(settle(given, targets).mode),
  handles: ["icmp_errors"],
  leavesDead,
  clampMtu: ({ mssClamp }) => mssClamp ?? null,
  snat: snatOf,
  reuse: (given, protocol) =>
    isInTurn(given) && !isStateless(given.mode ?? "dnat") ? natReuse(given, protocol) : null,
  room: (given) => roomOf(given, isInTurn(given)),
  withoutTargets: (_, protocol) => noRoute(protocol),
  service: "entries of the verdict map, and a chain with a map of its targets",
  // Without state nothing tells of which VIP a reply is.
  servesVips: (given) => given.farm === undefined && given.mode !== "stateless_dnat",
  options,
  affinityOption: "persistence",
  requires: (given) => ({ tools: [TOOLS.nft, TOOLS.conntrack], kernel: needs, ...ownKernel(given) }),
  oracle: (given, targets, protocol) => oracleOf(settle(given, targets), protocol),
  serves(given, targets) {
    const { families, protocols } = settle(given, targets);
    return given.farm === undefined ? null : { families, protocols, source: `Farm file '${given.farm}'` };
  },
  effectiveOptions: ({ farm, ...given }, targets) => ({
    ...settingsShown(settle({ ...given, farm }, targets), farm),
    ...definedOptions({
      mssClamp: given.mssClamp,
      snatPorts: given.snatPorts,
      randomFully: given.randomFully,
      conntrackMax: given.conntrackMax,
    }),
  }),
  router({ host, lab, machine: router, topology, services }, given) {
    const settings = settle(given, topology.targets.length);
    const stateless = isStateless(settings.mode);
    return {
      async install(first) {
        await host.exec(["nft", "-f", "-"], { input: ruleset(topology, router, settings, first) });
        await clampByNft(host, given.mssClamp);
        if (!stateless) {
          // The rules have brought conntrack along.
          await setSysctls(host, [`net/netfilter/nf_conntrack_tcp_loose=${Number(settings.looseTcp)}`]);
          await setTimeouts(host, settings.timeouts);
          await limitTable(lab, given);
        }
        if (services > 0)
          await host.exec(["nft", "-f", "-"], {
            input: otherServices({ topology, router }, settings, first, services),
          });
      },
      async change(next, before) {
        await host.exec(["nft", "-f", "-"], { input: change(topology, router, settings, next) });
        const gone = before.filter((index) => !next.includes(index));
        if (!stateless && settings.leave === "flush") await flushTargets(host, topology, gone);
      },
      counters: async () =>
        stateless
          ? {}
          : {
              ...(await conntrackCounters(host)),
              ...(await tableFull(lab, host, given)),
              ...(await snatCounters(host, given)),
            },
    };
  },
});

/** Where a farm file decides, nothing is said. */
const isInTurn = ({ scheduler = "rr", farm, weights, priorities, persistence }: Given): boolean =>
  scheduler === "rr" && persistence === 0 && [farm, weights, priorities].every((given) => given === undefined);

/** As they are used, for the report. */
export function settingsShown(settings: Settings, farm: string | undefined): EffectiveOptions {
  const { mode, scheduler, keys, hashSeed, weights, priorities, ports, persistenceS, ignored } = settings;
  const { leave, timeouts, looseTcp } = settings;
  return {
    mode,
    scheduler,
    ...(scheduler === "hash" ? { keys: keys.join(","), ...(hashSeed === undefined ? {} : { hashSeed }) } : {}),
    ...(weights ? { weights: weights.join(",") } : {}),
    ...(priorities ? { priorities: priorities.join(",") } : {}),
    ...(ports ? { ports: ports.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(",") } : {}),
    ...(persistenceS > 0 ? { persistenceS } : {}),
    ...(isStateless(mode) ? {} : { leave, timeouts, looseTcp }),
    ...(farm === undefined ? {} : { farm }),
    ...(ignored.length === 0 ? {} : { "farm fields set by the lab": ignored.join(",") }),
  };
}

type Seeds = "given" | "drawn";

/** `seeds`: whether rules give the hash a seed; else the kernel draws one for each rule. */
export function oracleOf(settings: Settings, protocol: Protocol, seeds: Seeds = "given"): OracleSpec {
  const { scheduler, keys, persistenceS, looseTcp } = settings;
  const parts = poolParts(settings);
  const choice = choiceOf(settings, seeds);
  if (isStateless(settings.mode)) return choice;
  const byHash = scheduler === "hash" || scheduler === "symhash";
  const assign = byHash && persistenceS === 0 ? choice : null;
  // A hash of addresses alone gives a source its target again, whatever the map has forgotten.
  const byAddress = scheduler === "hash" && isBySource(keys) && seeds === "given";
  const affinity = persistenceS > 0 ? { affinityS: byAddress ? ("always" as const) : persistenceS } : {};
  const memory = memoryPart(settings.timeouts, looseTcp);
  const flush = settings.leave === "flush";
  const later = byHash ? {} : turnsPart(flush && scheduler === "rr", looseTcp || protocol === "udp");
  return { strategy: "stateful", flush, assign, ...affinity, ...memory, ...later, ...parts };
}

/** Of a new connection, or without state of each packet. */
function choiceOf(settings: Settings, seeds: Seeds): AssignSpec {
  const { scheduler, keys, hashSeed } = settings;
  const parts = poolParts(settings);
  if (scheduler !== "hash") return { strategy: "scaled", hash: null, ...parts };
  return seeds === "drawn"
    ? { strategy: "redrawn", bySource: isBySource(keys), ...parts }
    : { strategy: "scaled", hash: { kind: "jhash", seed: hashSeed, keys }, ...parts };
}

const isBySource = (keys: Settings["keys"]) => keys.every((key) => key === "srcip" || key === "dstip");

const poolParts = ({ weights, priorities, standby }: Settings) => ({
  ...weightsPart(weights),
  ...(priorities ? { priorities, ...(standby === "nftlb" ? { standby } : {}) } : {}),
});

export const needs: KernelProbe[] = [
  {
    what: "nftables NAT with numgen and jhash",
    argv: ["nft", "-f", "-"],
    input: `table inet probe {
chain prerouting {
type nat hook prerouting priority dstnat; policy accept;
dnat ip to numgen inc mod 2 map {
0 : 192.0.2.1,
1 : 192.0.2.2
}
dnat ip to jhash ip saddr . th sport mod 2 seed 0x1 map {
0 : 192.0.2.1,
1 : 192.0.2.2
}
}
}
`,
    remedy: "Load nf_tables, nft_chain_nat, nft_numgen and nft_hash, or use another kernel.",
  },
];
