// SPDX-License-Identifier: Apache-2.0
import type { Backend, BackendOptions } from "../api/backend.ts";
import type { Host } from "../runtime/runtime.ts";
import { linkOn, VIP } from "../topology/topology.ts";
import { nowNs } from "../util/clock.ts";
import { reference } from "./reference.ts";

type Family = 4 | 6;
const FAMILIES = [4, 6] as const;
const FIRST_TABLE = 2000;
/** Blocks of the sources where the targets are no power of two: so many that each target has nearly its share, so few that a rule is found soon. */
const BLOCKS = 32;

/**
 * Plain forwarding, the reference of every ratio: static routes by source prefix spread the load over as many targets as the
 * balancer under test has. Nothing is hashed, rewritten, tracked or queued. Of more than 32 targets the first 32 share the load.
 */
export const plain = reference(
  "plain",
  "static routes by source prefix: forwarding without a balancer",
  async (lab, _options, active) => {
    const blocks = blocksFor(active.length);
    const onAll = (lines: (family: Family) => string[]) =>
      Promise.all(
        lab.topology.routers.flatMap(({ name }) =>
          FAMILIES.map((family) => batch(lab.host(name), family, lines(family))),
        ),
      );
    const routes = (targets: readonly number[]) => (family: Family) => {
      const gateways = targets.flatMap((i) => {
        const target = lab.topology.targets[i];
        return target ? [linkOn(target, "net1")[family === 4 ? "ipv4" : "ipv6"]] : [];
      });
      return Array.from(
        { length: blocks },
        (_, b) => `route replace ${VIP[family]} via ${gateways[b % gateways.length]} table ${FIRST_TABLE + b}`,
      );
    };
    await onAll((family) =>
      Array.from(
        { length: blocks },
        (_, b) =>
          `rule add pref 100 from ${sourceBlock(family, b, blocks)} to ${VIP[family]} lookup ${FIRST_TABLE + b}`,
      ),
    );
    await onAll(routes(active));
    return {
      async setTargets(next) {
        await onAll(routes(next));
        return nowNs();
      },
      counters: async () => ({}),
      async [Symbol.asyncDispose]() {},
    };
  },
);

/**
 * Plain forwarding with the conntrack and the links of this balancer, so that a ratio to it shows the balancer and not the lab's settings;
 * plain itself where it needs neither.
 */
export function plainFor(backend: Backend, options: BackendOptions, targets: number): Backend {
  const tracks = backend.tracks(options, targets);
  const links = backend.links?.(options) ?? null;
  if (!tracks && !links) return plain;
  const words = [...(tracks ? ["conntrack"] : []), ...(links ? [links.words] : [])].join(", ");
  return {
    ...plain,
    name: `${plain.name} (${words})`,
    tracks: () => tracks,
    async deploy(lab, none, active) {
      await links?.set(lab);
      if (tracks)
        await Promise.all(
          lab.topology.routers.map(({ name }) => lab.host(name).exec(["nft", "-f", "-"], { input: TRACK })),
        );
      return await plain.deploy(lab, none, active);
    },
  };
}

/** A rule that asks for a connection's state makes the kernel track both families. */
const TRACK = `table inet plain {
  chain tracked {
    type filter hook prerouting priority filter; policy accept;
    ct state new accept
  }
}
`;

function blocksFor(targets: number): number {
  return targets <= BLOCKS && (targets & (targets - 1)) === 0 ? targets : BLOCKS;
}

/** The b-th of so many equal parts, a power of two, of the tester's sources: 50.0.0.0/16 and 2000::/112. */
function sourceBlock(family: Family, b: number, blocks: number): string {
  const low = (b * 65_536) / blocks;
  const bits = Math.log2(blocks);
  return family === 4 ? `50.0.${low >> 8}.${low & 255}/${16 + bits}` : `2000::${low.toString(16)}/${112 + bits}`;
}

async function batch(host: Host, family: Family, lines: readonly string[]): Promise<void> {
  await host.exec(family === 4 ? ["ip", "-batch", "-"] : ["ip", "-6", "-batch", "-"], {
    input: `${lines.join("\n")}\n`,
  });
}
