// SPDX-License-Identifier: Apache-2.0
import {
  defineBackend,
  definedOptions,
  type EffectiveOptions,
  type KernelProbe,
  modprobe,
  setSysctls,
  TOOLS,
} from "../../harness/api/index.ts";
import { conntrackCounters, flushTargets, leavesDead, natReuse, setTimeouts } from "../linux/conntrack.ts";
import { allTaken, bothLive } from "../linux/direct.ts";
import { clampByNft } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { limitTable, ownKernel, roomOf, tableFull, wantsMasquerade } from "../linux/room.ts";
import { endsAs, HANDS_OVER } from "../linux/running.ts";
import { snatCounters, snatOf } from "../linux/snat-ports.ts";
import { nftShieldProbe, shieldByNft, shieldCounters } from "../linux/synproxy.ts";
import { readFarm } from "./farm.ts";
import { farmCounters } from "./farm-counters.ts";
import { farmRules } from "./farm-rules.ts";
import { farmMode, servedBy } from "./farm-settings.ts";
import { type Given, isStateless, options, type Settings } from "./options.ts";
import { mergedOracle } from "./oracle.ts";
import { rulesOf } from "./ruleset.ts";
import { settle } from "./settle.ts";

/** nftables as nftlb sets it up: a verdict map finds the service, a map the target. */
export const nftables = defineBackend({
  name: "nftables",
  summary:
    "nftables maps: DNAT, SNAT, direct return or stateless DNAT; in turn, at random or by hash; weights, priorities",
  sharesConntrack: (given) => modeOf(given) === "dnat" && wantsMasquerade(given) === undefined,
  tracks: (given, targets) => settle(given, targets).some(({ mode }) => !isStateless(mode)),
  answersSyns: ({ synproxy }) => synproxy,
  handles: ["icmp_errors"],
  protocols: ["tcp", "udp", "sctp"],
  leavesDead,
  clampMtu: ({ mssClamp }) => mssClamp ?? null,
  snat: snatOf,
  reuse: (given, protocol) =>
    isInTurn(given) && !isStateless(modeOf(given)) && !given.synproxy ? natReuse(given, protocol) : null,
  room: (given) => roomOf(given, isInTurn(given)),
  direct: (given) => (modeOf(given) === "stateless_dnat" ? allTaken : bothLive),
  withoutTargets: ({ synproxy }, protocol) => (synproxy ? null : noRoute(protocol)),
  lifecycle: {
    actions: ["reload", "upgrade"],
    of: (given, protocol) =>
      given.synproxy
        ? null
        : {
            keeps: isStateless(modeOf(given))
              ? "nothing"
              : "conntrack's entries, which translate nothing until the rules are back",
            ...endsAs({ open: "silence", fresh: noRoute(protocol), edge: true }),
            ...HANDS_OVER,
          },
  },
  reweighs,
  service: "entries of the verdict map, and a chain with a map of its targets",
  // Without state nothing tells of which VIP a reply is.
  servesVips: (given) => given.farm === undefined && given.mode !== "stateless_dnat",
  options,
  affinityOption: "persistence",
  requires: (given) => ({
    tools: [TOOLS.nft, TOOLS.conntrack],
    kernel: [
      ...needs,
      ...(given.farm === undefined ? [] : farmNeeds(given.farm)),
      ...(given.synproxy ? [nftShieldProbe()] : []),
    ],
    ...ownKernel(given),
  }),
  oracle: (given, targets, protocol) => mergedOracle(settle(given, targets), protocol),
  serves: ({ farm }, targets) => (farm === undefined ? null : servedBy(farm, targets)),
  effectiveOptions: ({ farm, ...given }, targets) => ({
    ...settingsShown(settle({ ...given, farm }, targets), farm),
    ...definedOptions({
      mssClamp: given.mssClamp,
      snatPorts: given.snatPorts,
      randomFully: given.randomFully,
      conntrackMax: given.conntrackMax,
      ...(given.synproxy ? { synproxy: true } : {}),
    }),
  }),
  router({ host, lab, machine: router, topology, services }, given) {
    const [settings, ...others] = settle(given, topology.targets.length);
    const stateless = [settings, ...others].every(({ mode }) => isStateless(mode));
    const place = { topology, router, services };
    let rules = given.farm === undefined ? rulesOf(place, settings) : farmRules(given.farm, place, given);
    const load = (input: string) => host.exec(["nft", "-f", "-"], { input });
    return {
      async install(first) {
        await load(rules.install(first));
        await clampByNft(host, given.mssClamp);
        await shieldByNft(host, given);
        if (stateless) return;
        // The rules have brought conntrack along.
        await setSysctls(host, [`net/netfilter/nf_conntrack_tcp_loose=${Number(settings.looseTcp)}`]);
        await setTimeouts(host, settings.timeouts);
        await limitTable(lab, given);
      },
      control: {
        stop: () => load(rules.removed),
        kill: () => load(rules.removed),
        start: (active) => load(rules.install(active)),
        reload: (active) => load(rules.replace(active)),
        upgrade: (active) => load(rules.replace(active)),
      },
      async change(next, before) {
        await load(rules.change(next, before));
        const gone = before.filter((index) => !next.includes(index));
        if (!stateless && settings.leave === "flush") await flushTargets(host, topology, gone);
      },
      weigh(next, active) {
        rules = rulesOf(place, { ...settings, weights: [...next] });
        return load(rules.change(active, active));
      },
      counters: async () =>
        stateless
          ? {}
          : {
              ...(await conntrackCounters(host)),
              ...(await tableFull(lab, host, given)),
              ...(await snatCounters(host, given)),
              ...(await shieldCounters(host, given)),
              ...(given.farm === undefined ? {} : await farmCounters(host, given.farm)),
            },
    };
  },
});

export function reweighs({ farm }: Pick<Given, "farm">): string | null {
  return farm === undefined ? null : `Farm file '${farm}' has the weights.`;
}

/** Of the first farm, where a file decides. */
const modeOf = ({ mode, farm }: Given): Settings["mode"] => mode ?? (farm === undefined ? "dnat" : farmMode(farm));

/** Where a farm file decides, nothing is said. */
const isInTurn = ({ scheduler = "rr", farm, weights, priorities, persistence }: Given): boolean =>
  scheduler === "rr" && persistence === 0 && [farm, weights, priorities].every((given) => given === undefined);

/** As they are used, for the report; with several farms a line for each. */
export function settingsShown(
  [first, ...others]: readonly [Settings, ...Settings[]],
  farm: string | undefined,
): EffectiveOptions {
  const { leave, timeouts, looseTcp, ignored } = first;
  const remembers = [first, ...others].some(({ mode }) => !isStateless(mode));
  return {
    ...(others.length === 0
      ? shownOf(first)
      : Object.fromEntries(
          [first, ...others].map((one) => [
            `farm ${one.farm}`,
            Object.entries(shownOf(one))
              .map(([name, value]) => `${name} ${value}`)
              .join("; "),
          ]),
        )),
    ...(remembers ? { leave, timeouts, looseTcp } : {}),
    ...(farm === undefined ? {} : { farm }),
    ...(ignored.length === 0 ? {} : { "farm fields set by the lab": ignored.join(",") }),
  };
}

function shownOf({
  mode,
  scheduler,
  keys,
  hashSeed,
  weights,
  priorities,
  ports,
  persistenceS,
}: Settings): EffectiveOptions {
  return {
    mode,
    scheduler,
    ...(scheduler === "hash" ? { keys: keys.join(","), ...(hashSeed === undefined ? {} : { hashSeed }) } : {}),
    ...(weights ? { weights: weights.join(",") } : {}),
    ...(priorities ? { priorities: priorities.join(",") } : {}),
    ...(ports ? { ports: ports.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(",") } : {}),
    ...(persistenceS > 0 ? { persistenceS } : {}),
  };
}

const QUEUE: KernelProbe = {
  what: "nft statement 'queue'",
  argv: ["nft", "add table inet probe; add chain inet probe c; add rule inet probe c queue flags bypass to 1"],
  input: "",
  remedy: modprobe("nft_queue"),
};
const FLOWTABLE: KernelProbe = {
  what: "flow tables of nft",
  argv: ["nft", "-f", "-"],
  input: `table inet probe {
flowtable flows {
hook ingress priority 0
devices = { "lo" }
}
chain c {
flow add @flows
}
}
`,
  remedy: modprobe("nf_flow_table_inet", "nft_flow_offload"),
};

/** What some farms ask the kernel for beyond that. */
function farmNeeds(path: string): KernelProbe[] {
  const { farms } = readFarm(path, null).file;
  return [
    ...(farms.some(({ queue }) => queue >= 0) ? [QUEUE] : []),
    ...(farms.some((farm) => farm["flow-offload"]) ? [FLOWTABLE] : []),
  ];
}

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
    remedy: modprobe("nf_tables", "nft_chain_nat", "nft_numgen", "nft_hash"),
  },
];
