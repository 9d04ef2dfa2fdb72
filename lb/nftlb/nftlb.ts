// SPDX-License-Identifier: Apache-2.0
import {
  clientVips,
  defineBackend,
  type Host,
  ipBatch,
  LabError,
  type Program,
  setSysctls,
  TOOLS,
  type Topology,
  UsageError,
} from "../../harness/api/index.ts";
import { conntrackCounters, flushTargets, leavesDead, setTimeouts } from "../linux/conntrack.ts";
import { bothLive } from "../linux/direct.ts";
import { servedBy } from "../nftables/farm-settings.ts";
import { needs, reweighs, settingsShown } from "../nftables/nftables.ts";
import { isStateless, type Settings } from "../nftables/options.ts";
import { mergedOracle } from "../nftables/oracle.ts";
import { API_KEY, API_PORT, listens, request } from "./api.ts";
import { farmsFor, fileOf, statesOf, weightsOf, withStates } from "./farms.ts";
import { type Given, options, settle } from "./options.ts";

const PROGRAM: Program = { name: "nftlb", from: { packages: "nftlb", version: ["--help"] } };
const CONFIG = "/run/nftlb.json";

/** The original: nftlb's daemon writes the rules, from a farm file and by its REST service. */
export const nftlb = defineBackend({
  name: "nftlb",
  summary: "nftlb's own daemon: a farm file at the start, then REST; DNAT, SNAT or direct return by nftables",
  tracks: (given, targets) => settle(given, targets).some(({ mode }) => !isStateless(mode)),
  handles: ["icmp_errors"],
  protocols: ["tcp", "udp", "sctp"],
  direct: () => bothLive,
  leavesDead,
  servesVips: ({ farm }) => farm === undefined,
  reweighs,
  options,
  affinityOption: "persistence",
  requires: () => ({ programs: [PROGRAM], tools: [TOOLS.nft, TOOLS.conntrack], kernel: needs }),
  oracle: (given, targets, protocol) => mergedOracle(settle(given, targets), protocol, "drawn"),
  serves: ({ farm }, targets) => (farm === undefined ? null : servedBy(farm, targets)),
  effectiveOptions: (given, targets) => {
    const settings = settle(given, targets);
    if (settings.some(({ mode }) => mode === "stateless_dnat"))
      throw new UsageError(
        "nftlb 1.0.7 restores the VIP in replies only where they arrive at the interface of the requests, and the lab's routers have two. Try mode=dnat, or backend nftables with mode=stateless_dnat.",
      );
    return settingsShown(settings, given.farm);
  },
  router(router, given) {
    const { host, topology } = router;
    const all = settle(given, topology.targets.length);
    const settings = { ...all[0], ...onlyWayBack(given, topology.routers.length) };
    const { farms, ...rest } = given.farm === undefined ? { farms: farmsFor(topology, settings) } : fileOf(given.farm);
    const stateless = all.every(({ mode }) => isStateless(mode));
    return {
      async install(first) {
        // It finds the interface of a service by the VIP.
        if (stateless) await ownVip(host, topology);
        await host.exec(["@write", CONFIG], {
          input: JSON.stringify({ ...rest, farms: withStates(topology, farms, first) }),
        });
        const { path, env } = await router.find(PROGRAM);
        const argv = [path, "-l", "4", "-L", "2", "-H", "127.0.0.1", "-P", `${API_PORT}`, "-k", API_KEY, "-c", CONFIG];
        await router.start(argv, { env }).while(listens(host));
        const answer = await request(host, "GET");
        if (answer.includes("config_error"))
          throw new LabError(`nftlb on ${host.name} refuses its farm file: a state is 'config_error'.`);
        if (!stateless) {
          // The rules have brought conntrack along.
          await setSysctls(host, [`net/netfilter/nf_conntrack_tcp_loose=${Number(settings.looseTcp)}`]);
          await setTimeouts(host, settings.timeouts);
        }
      },
      async change(next, before) {
        const gone = before.filter((index) => !next.includes(index));
        const come = next.filter((index) => !before.includes(index));
        await request(host, "PUT", statesOf(topology, farms, next, [...gone, ...come]));
        if (!stateless && settings.leave === "flush") await flushTargets(host, topology, gone);
      },
      weigh: (next) => request(host, "PUT", weightsOf(topology, farms, next)),
      counters: async () => (stateless ? {} : conntrackCounters(host)),
    };
  },
});

/** With several routers a reply must come back to the one that knows the connection. */
function onlyWayBack(given: Given, routers: number): Partial<Settings> {
  return given.mode === undefined && given.farm === undefined && routers > 1 ? { mode: "snat" } : {};
}

/** Replies pass through the router with the VIP, its own address then, as their source. */
async function ownVip(host: Host, topology: Topology): Promise<void> {
  await setSysctls(host, ["net/ipv4/conf/all/accept_local=1"]);
  await ipBatch(
    host,
    clientVips(topology, 4).map((vip) => `addr add ${vip}/32 dev eth2`),
  );
  await ipBatch(
    host,
    clientVips(topology, 6).map((vip) => `addr add ${vip}/128 dev eth2 nodad`),
  );
}
