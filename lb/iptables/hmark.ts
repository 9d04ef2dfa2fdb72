import { z } from "zod";
import type { Backend } from "../../harness/backend.ts";
import type { Host } from "../../harness/runtime/runtime.ts";
import type { Topology } from "../../harness/topology/topology.ts";
import { vipPrefix } from "../ecmp/groups.ts";
import { hashSeed } from "../linux/options.ts";
import { missingFor, type Need } from "../linux/probe.ts";
import { addressOf, FAMILIES, ipBatch, onEveryRouter } from "../linux/routers.ts";
import { CHAIN, otherServices, restore } from "./iptables.ts";

/** Routing table of target i, above those that the kernel keeps for itself. */
const TABLE = 1000;
/** Marks of one generation of rules; the next generation uses the next block. */
const BLOCK = 0x1000;

const options = z.strictObject({ hashSeed });

/** A hash of the flow becomes a mark, and the mark chooses a routing table: no state, and the VIP stays in the packet. */
export const iptablesHmark: Backend<typeof options> = {
  name: "iptables_hmark",
  summary: "iptables HMARK: hash of addresses and ports to a mark, and the mark to a route; stateless",
  keepsState: false,
  handles: ["icmp_errors"],
  service: "a rule in PREROUTING and a chain that hashes",
  options,
  missing: (runtime) => missingFor(runtime, ["iptables-restore", "ip6tables-restore", "ip"], needs),
  oracle: ({ hashSeed: seed }) => ({ strategy: "scaled", hash: { kind: "hmark", seed } }),
  facts: (given) => ({ ...given }),
  deploy: (lab, given, active, services = 0) =>
    onEveryRouter(lab, active, (host) => {
      let generation = 0;
      let tidied: Promise<unknown> = Promise.resolve();
      return {
        async install(first) {
          await eachFamily(host, (family) => tables(lab.topology, family));
          await eachFamily(host, () => marks("add", generation, first));
          for (const family of FAMILIES) {
            const own = mangle(family, given.hashSeed, generation, first.length, true);
            const rules = own.split("\n").filter((line) => line.startsWith(`-A ${CHAIN}`));
            if (services > 0) await restore(host, family, otherServices("mangle", family, rules, services));
            await restore(host, family, own);
          }
        },
        /** New marks lead to targets before the hash gives them, and old ones until no packet can carry them: that nobody waits for. */
        async change(next, before) {
          await tidied;
          const old = generation++;
          await eachFamily(host, () => marks("add", generation, next));
          await Promise.all(
            FAMILIES.map((family) =>
              restore(host, family, mangle(family, given.hashSeed, generation, next.length, false)),
            ),
          );
          tidied = eachFamily(host, () => marks("del", old, before));
          // Told at the next change, if there is one; else the lab has gone.
          tidied.catch(() => {});
        },
      };
    }),
};

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

const firstMark = (generation: number) => BLOCK * (1 + (generation % 1000));

function mangle(family: 4 | 6, seed: number, generation: number, size: number, first: boolean): string {
  const hash = `--hmark-tuple src,dst,sport,dport --hmark-mod ${size} --hmark-offset ${firstMark(generation)} --hmark-rnd ${seed}`;
  return [
    "*mangle",
    `:${CHAIN} - [0:0]`,
    ...(first ? [`-A PREROUTING -d ${vipPrefix(family)} -j ${CHAIN}`] : []),
    `-A ${CHAIN} -j HMARK ${hash}`,
    "COMMIT",
    "",
  ].join("\n");
}

const needs: Need[] = ["iptables-restore", "ip6tables-restore"].map((tool) => ({
  what: `HMARK target in ${tool}`,
  argv: [tool],
  input: "*mangle\n-A PREROUTING -j HMARK --hmark-tuple src,dst --hmark-mod 2 --hmark-offset 1 --hmark-rnd 1\nCOMMIT\n",
  remedy: "Load xt_HMARK, or use a kernel that has it.",
}));
