// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import {
  addressOf,
  defineBackend,
  FAMILIES,
  type Host,
  ipBatch,
  TOOLS,
  type Topology,
} from "../../harness/api/index.ts";
import { bothLive } from "../linux/direct.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { noRoute } from "../linux/no-route.ts";
import { hashSeed } from "../linux/options.ts";
import { endsAs, HANDS_OVER } from "../linux/running.ts";
import { generations } from "./generations.ts";
import { clamp, clampNeeds, type Rules, ruleRequirements, variant } from "./iptables.ts";

/** Routing table of target i, above those that the kernel keeps for itself. */
const TABLE = 1000;
/** Marks of one generation of rules; the next generation uses the next block. */
const BLOCK = 0x1000;

const options = z.strictObject({ hashSeed, mssClamp, variant });

/** A hash of the flow becomes a mark, and the mark chooses a routing table: no state, and the VIP stays in the packet. */
export const iptablesHmark = defineBackend({
  name: "iptables_hmark",
  summary: "iptables HMARK: hash of addresses and ports to a mark, and the mark to a route; stateless",
  handles: ["icmp_errors"],
  direct: () => bothLive,
  withoutTargets: (_, protocol) => noRoute(protocol),
  lifecycle: {
    actions: ["reload", "upgrade"],
    of: (_, protocol) => ({
      keeps: "nothing: it remembers nothing",
      ...endsAs({ open: "silence", fresh: noRoute(protocol) }),
      ...HANDS_OVER,
    }),
  },
  service: "a rule in PREROUTING and a chain that hashes",
  protocols: ["tcp", "udp", "sctp"],
  servesVips: () => true,
  options,
  clampMtu: ({ mssClamp: mtu }) => mtu ?? null,
  requires: (given) =>
    clampNeeds(
      ruleRequirements([TOOLS.ip], given.variant, () => mangle(given.hashSeed, 1, 2)),
      given,
    ),
  oracle: ({ hashSeed: seed }) => ({ strategy: "scaled", hash: { kind: "hmark", seed } }),
  router({ host, topology, services }, given) {
    let generation = 1;
    const service = generations(
      host,
      given.variant,
      (_, targets, number) => mangle(given.hashSeed, number, targets.length),
      services,
    );
    const renew = async (active: readonly number[]) => {
      const old = generation++;
      await eachFamily(host, () => marks("add", generation, active));
      await service.replace(active);
      service.tidy(() => eachFamily(host, () => marks("del", old, active)));
    };
    return {
      async install(first) {
        await eachFamily(host, (family) => tables(topology, family));
        await eachFamily(host, () => marks("add", generation, first));
        await clamp(host, given);
        await service.replace(first);
      },
      /** New marks lead to targets before the hash gives them, and old ones until no packet can carry them. */
      async change(next, before) {
        const old = generation++;
        await eachFamily(host, () => marks("add", generation, next));
        await service.replace(next);
        service.tidy(() => eachFamily(host, () => marks("del", old, before)));
      },
      // The generation's marks stay as they are: rules of the same targets lead to the same ones.
      control: {
        stop: () => service.clear(),
        kill: () => service.clear(),
        start: renew,
        reload: renew,
        upgrade: renew,
      },
      idle: () => service.idle(),
    };
  },
});

async function eachFamily(host: Host, linesOf: (family: 4 | 6) => string[]): Promise<void> {
  await Promise.all(FAMILIES.map((family) => ipBatch(host, linesOf(family), family)));
}

function tables(topology: Topology, family: 4 | 6): string[] {
  return topology.targets.map(
    (target, i) => `route add default via ${addressOf(target, family)} table ${TABLE + i + 1}`,
  );
}

function marks(verb: "add" | "del", generation: number, active: readonly number[]): string[] {
  const ordered = [...active].sort((a, b) => a - b);
  return ordered.map(
    (index, slot) => `rule ${verb} pref 100 fwmark ${firstMark(generation) + slot} table ${TABLE + index + 1}`,
  );
}

const firstMark = (generation: number) => BLOCK * (1 + ((generation - 1) % 1000));

function mangle(seed: number, generation: number, size: number): Rules {
  const hash = `--hmark-tuple src,dst,sport,dport --hmark-mod ${size} --hmark-offset ${firstMark(generation)} --hmark-rnd ${seed}`;
  return { table: "mangle", hooks: ["PREROUTING"], rules: [...(size > 0 ? [`-j HMARK ${hash}`] : []), "-j ACCEPT"] };
}
