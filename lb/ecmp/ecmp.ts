// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  defineBackend,
  type FlowHash,
  type KernelProbe,
  type Lifecycle,
  type Protocol,
  type Router,
  type RouterSide,
  TOOLS,
  UsageError,
} from "../../harness/api/index.ts";
import { bothLive } from "../linux/direct.ts";
import { clampByNft, mssClamp, nftClampProbes } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { checkWeights, hashSeed, weightOf, weights, weightsPart } from "../linux/options.ts";
import { endsAs, HANDS_OVER } from "../linux/running.ts";
import { changeGroups, type GroupShape, installGroups, POLICIES, type Policy, setHash } from "./groups.ts";
import { changeRoutes } from "./routes.ts";

/** ip(8) has no room for more of them in a route. */
const MOST_HOPS = 120;

const common = {
  policy: z
    .enum(["l3", "l4", "fields"])
    .default("fields")
    .describe("what is hashed: addresses, the packet's own hash, or addresses, ports and protocol"),
  hashSeed,
  weights,
  mssClamp,
};
const options = z.strictObject({
  ...common,
  nexthops: z
    .enum(["group", "route"])
    .default("group")
    .describe("the route of the VIP names a group, or each next hop, as 'ip route change' takes them"),
});
const resilientOptions = z.strictObject({
  ...common,
  buckets: z.coerce.number().int().min(1).max(65_535).optional().describe("buckets (at least 128, 16 for each target)"),
  idleTimer: z.coerce
    .number()
    .min(0.01)
    .max(86_400)
    .default(120)
    .describe("seconds without a packet after which a bucket may move"),
  unbalancedTimer: z.coerce
    .number()
    .min(0)
    .max(86_400)
    .default(0)
    .describe("seconds after which busy buckets move too (0: never)"),
});

const lifecycle = {
  actions: ["reload", "upgrade"],
  of: (_: unknown, protocol: Protocol): Lifecycle => ({
    keeps: "nothing: it remembers nothing",
    ...endsAs({ open: "silence", fresh: noRoute(protocol) }),
    ...HANDS_OVER,
  }),
} as const;

/** The route of the VIP has every target as a next hop; a hash of the packet chooses one. */
export const ecmp = defineBackend({
  name: "ecmp",
  summary: "multipath route: hash-threshold over next hops in the kernel; stateless",
  service: "a route to a next-hop group",
  protocols: ["tcp", "udp", "sctp"],
  servesVips: () => true,
  direct: () => bothLive,
  withoutTargets: (_, protocol) => noRoute(protocol),
  lifecycle,
  reweighs: () => null,
  options,
  requires: (given) => needs(given, given.nexthops === "route" ? null : ""),
  clampMtu: ({ mssClamp: mtu }) => mtu ?? null,
  oracle: ({ policy, hashSeed: seed, weights: given }) => ({
    strategy: "hash_threshold",
    hash: flowHash(policy, seed),
    ...weightsPart(given),
  }),
  effectiveOptions({ nexthops, ...given }, targets) {
    if (nexthops === "route" && targets > MOST_HOPS)
      throw new UsageError(`nexthops=route takes ${MOST_HOPS} targets at most, not ${targets}. Try nexthops=group.`);
    return { ...facts(given, targets, {}), ...(nexthops === "route" ? { nexthops } : {}) };
  },
  router: (router, given) =>
    given.nexthops === "route"
      ? routes(router, given)
      : groups(router, given, { weight: (index) => weightOf(given.weights, index), resilient: null }),
});

/** Like ecmp, but the hash chooses a bucket, and buckets stay with their target as long as it is there. */
export const ecmpResilient = defineBackend({
  name: "ecmp_resilient",
  summary:
    "resilient next-hop group: hash to a bucket; only buckets of targets that leave move; no state of connections",
  service: "a route to a next-hop group",
  protocols: ["tcp", "udp", "sctp"],
  servesVips: () => true,
  direct: () => bothLive,
  withoutTargets: (_, protocol) => noRoute(protocol),
  lifecycle,
  reweighs: () => null,
  options: resilientOptions,
  requires: (given) => needs(given, " type resilient buckets 8 idle_timer 60 unbalanced_timer 0"),
  clampMtu: ({ mssClamp: mtu }) => mtu ?? null,
  oracle: ({ policy, hashSeed: seed, weights: given, ...rest }, targets) => ({
    strategy: "resilient",
    hash: flowHash(policy, seed),
    buckets: bucketsOf(rest, targets),
    idleTimerS: rest.idleTimer,
    ...weightsPart(given),
  }),
  effectiveOptions: (given, targets) => facts(given, targets, { buckets: bucketsOf(given, targets) }),
  router(router, given) {
    const { idleTimer, unbalancedTimer } = given;
    const buckets = bucketsOf(given, router.topology.targets.length);
    const weight = (index: number) => weightOf(given.weights, index);
    return groups(router, given, { weight, resilient: { buckets, idleTimer, unbalancedTimer } });
  },
});

type Move = (next: readonly number[], before: readonly number[]) => Promise<void>;
type Hashed = Pick<z.infer<typeof options>, "policy" | "hashSeed" | "mssClamp">;

function groups({ host, topology, services }: Router, hashed: Hashed, given: GroupShape): RouterSide {
  let shape = given;
  const served = { topology, services };
  const install = (active: readonly number[]) => installGroups(host, served, shape, active);
  const side = sideOf(host, hashed, {
    install,
    move: (next, before) => changeGroups(host, served, shape, { next, before }),
    weigh: (weight) => {
      shape = { ...shape, weight };
    },
  });
  // With a link its next hops go, and with them their groups and routes.
  return { ...side, relinked: install };
}

function routes({ host, topology, services }: Router, given: z.infer<typeof options>): RouterSide {
  let weight = (index: number) => weightOf(given.weights, index);
  const move: Move = (next, before) => changeRoutes(host, { topology, services }, weight, { next, before });
  return sideOf(host, given, {
    install: (first) => move(first, []),
    move,
    weigh: (next) => {
      weight = next;
    },
  });
}

interface Ways {
  install: (first: readonly number[]) => Promise<void>;
  move: Move;
  weigh: (weight: (index: number) => number) => void;
}

function sideOf(
  host: Router["host"],
  { policy, hashSeed: seed, mssClamp: mtu }: Hashed,
  { install, move, weigh }: Ways,
): RouterSide {
  return {
    async install(first) {
      await setHash(host, policy, seed);
      await clampByNft(host, mtu);
      await install(first);
    },
    change: move,
    weigh(next, active) {
      weigh((index) => weightOf(next, index));
      return move(active, active);
    },
    control: {
      stop: (active) => move([], active),
      kill: (active) => move([], active),
      start: (active) => move(active, []),
      reload: (active) => move(active, active),
      upgrade: (active) => move(active, active),
    },
  };
}

/** Policy 1 takes a packet's own hash, which the lab's links carry over from the sender's socket. */
function flowHash(policy: Policy, seed: number): FlowHash {
  return { kind: "fib_multipath", seed, policy };
}

function bucketsOf({ buckets }: { buckets?: number | undefined }, targets: number): number {
  return buckets ?? Math.max(128, 16 * targets);
}

function facts(
  { weights: given, ...rest }: Omit<z.infer<typeof options>, "nexthops">,
  targets: number,
  more: Record<string, number>,
): Record<string, string | number | boolean> {
  checkWeights(given, targets);
  if (more.buckets !== undefined && more.buckets < targets)
    throw new UsageError(`buckets=${more.buckets} is too few for ${targets} targets.`);
  const { mssClamp: mtu, ...others } = rest;
  return {
    ...others,
    ...(mtu === undefined ? {} : { mssClamp: mtu }),
    ...more,
    ...(given ? { weights: given.join(",") } : {}),
    hashPolicy: POLICIES[rest.policy],
  };
}

const needs = (
  { policy, mssClamp: mtu }: Pick<z.infer<typeof options>, "policy" | "mssClamp">,
  kind: string | null,
) => ({
  tools: [TOOLS.ip, ...(mtu === undefined ? [] : [TOOLS.nft])],
  kernel: [...hashNeeds(policy), ...(kind === null ? [] : [groupNeed(kind)]), ...nftClampProbes(mtu)],
});

/** The packet's own hash has no seed: that policy is there in any kernel. */
const hashNeeds = (policy: Policy): KernelProbe[] => (policy === "l4" ? [] : [seedNeed]);

const seedNeed: KernelProbe = {
  what: "settable seed of the multipath hash, or no hash fields (sysctl net.ipv4.fib_multipath_hash_seed)",
  argv: [
    "sh",
    "-c",
    "test -e /proc/sys/net/ipv4/fib_multipath_hash_seed && test -e /proc/sys/net/ipv6/fib_multipath_hash_fields",
  ],
  input: "",
  remedy: "Use Linux 6.11 or newer.",
};

function groupNeed(kind: string): KernelProbe {
  return {
    what: kind === "" ? "next-hop groups" : "resilient next-hop groups",
    argv: ["ip", "-batch", "-"],
    input: `link set lo up\nnexthop add id 1 blackhole\nnexthop add id 2 group 1${kind}\n`,
    remedy: "Use Linux 5.13 or newer.",
  };
}
