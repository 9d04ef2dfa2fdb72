// SPDX-License-Identifier: Apache-2.0
// A whole backend in one file, for use from anywhere: `test my-ecmp_scale --backend ./ecmp.ts`.
// The type is all it imports; a copy outside of the repository works with or without that line.
import type { BackendKit, OutsideBackend, Router, RouterSide } from "../../harness/api/kit.ts";

const NAME = "my-ecmp";
const HASHES = 2 ** 31;
/** Addresses, protocol and ports. */
const FIVE_TUPLE = "0x37";
/** Next hops of each family: the group, and target i at first + i. */
const IDS = { 4: { group: 1, first: 10_000 }, 6: { group: 2, first: 20_000 } } as const;

/** What the kernel does with a flow, so that every connection is predicted: equal parts of all hashes, in order of the targets. */
const pathsOf = ({ z, defineStrategy, hashOf }: BackendKit) =>
  defineStrategy({
    schema: z.strictObject({ strategy: z.literal(`${NAME}/paths`), seed: z.number() }),
    hash: ({ seed }, flow) => hashOf({ kind: "fib_multipath", seed, policy: "fields" }, flow),
    space: () => HASHES,
    state: (_, active) => [...active].sort((a, b) => a - b),
    pick: (targets, hash) => targets.find((_, i) => hash < Math.round((HASHES * (i + 1)) / targets.length)) ?? null,
    shares: (targets) => new Map(targets.map((target) => [target, 1 / targets.length])),
  });

/** Equal-cost next hops to the active targets; the kernel hashes each flow to one of them. */
const ecmp: OutsideBackend = (kit) => {
  const { z, defineBackend, TOOLS } = kit;
  return defineBackend({
    name: NAME,
    summary: "Example: the router's multipath route to the VIP",
    strategies: [pathsOf(kit)],
    options: z.strictObject({
      hashSeed: z.coerce.number().int().min(1).max(0xffffffff).default(1).describe("seed of the flow hash"),
    }),
    requires: () => ({
      tools: [TOOLS.ip],
      kernel: [
        {
          what: "settable seed of the multipath hash",
          argv: ["test", "-e", "/proc/sys/net/ipv4/fib_multipath_hash_seed"],
          input: "",
          remedy: "Use Linux 6.11 or newer.",
        },
      ],
    }),
    oracle: ({ hashSeed: seed }) => ({ strategy: `${NAME}/paths`, seed }),
    router: (router, { hashSeed }) => sideOf(kit, router, hashSeed),
  });
};
export default ecmp;

/** On one router. */
function sideOf(kit: BackendKit, { host, topology }: Router, seed: number): RouterSide {
  const { FAMILIES, addressOf, ipBatch, setSysctls, vipPrefix } = kit;
  const setGroups = async (active: readonly number[]) => {
    const members = (first: number) => [...active].sort((a, b) => a - b).map((i) => first + i);
    const groups = Object.values(IDS).map(({ group, first }) => `id ${group} group ${members(first).join("/")}`);
    await ipBatch(
      host,
      groups.map((group) => `nexthop replace ${group}`),
    );
  };
  return {
    async install(active) {
      const hashing = FAMILIES.flatMap((family) => [
        `net/ipv${family}/fib_multipath_hash_policy=3`,
        `net/ipv${family}/fib_multipath_hash_fields=${FIVE_TUPLE}`,
      ]);
      await setSysctls(host, [`net/ipv4/fib_multipath_hash_seed=${seed}`, ...hashing]);
      const hops = FAMILIES.flatMap((family) =>
        topology.targets.map((target, i) => `id ${IDS[family].first + i} via ${addressOf(target, family)} dev eth1`),
      );
      await ipBatch(
        host,
        hops.map((hop) => `nexthop add ${hop}`),
      );
      await setGroups(active);
      await ipBatch(
        host,
        FAMILIES.map((family) => `route add ${vipPrefix(family)} nhid ${IDS[family].group}`),
      );
    },
    change: setGroups,
  };
}
