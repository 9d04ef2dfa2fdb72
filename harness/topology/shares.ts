// SPDX-License-Identifier: Apache-2.0
// Which tester has which of the sources: shares of consecutive addresses, as images/traffic/tuple.c draws them (--share). Pure.
import { type Machine, SOURCES, type Topology } from "./topology.ts";

const ADDRESSES = 2 ** 16;

/** By tester, the prefixes of its sources; together they are all of the network, and of few sources the last share has what is left. */
export function sourcePrefixes(
  { testers, sources }: Pick<Topology, "testers" | "sources">,
  family: 4 | 6,
): { tester: Machine; prefixes: string[] }[] {
  // The first address of the network is not used.
  const from = (i: number) => (i === 0 ? 0 : 1 + Math.floor((sources * i) / testers.length));
  return testers.map((tester, i) => {
    const blocks = blocksOf(from(i), i === testers.length - 1 ? ADDRESSES : from(i + 1));
    return { tester, prefixes: blocks.map(([at, bits]) => prefixOf(family, at, bits)) };
  });
}

/** Aligned blocks, first address and bits of their size, that cover from `from` to below `to`. */
function blocksOf(from: number, to: number): [at: number, bits: number][] {
  const blocks: [number, number][] = [];
  for (let at = from; at < to; ) {
    let bits = 0;
    while (at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) <= to) bits++;
    blocks.push([at, bits]);
    at += 2 ** bits;
  }
  return blocks;
}

function prefixOf(family: 4 | 6, at: number, bits: number): string {
  if (bits === 16) return SOURCES[family];
  return family === 4 ? `50.0.${at >> 8}.${at & 255}/${32 - bits}` : `2000::${at.toString(16)}/${128 - bits}`;
}

/** Routes to all sources, those of each tester by it, or by the one machine between; `verb` is ip(8)'s, `more` what each route ends with. */
export function sourceRoutes(
  topology: Topology,
  verb: string,
  via: (tester: Machine) => { ipv4: string; ipv6: string },
  more = "",
): string[] {
  return ([4, 6] as const).flatMap((family) =>
    sourcePrefixes(topology, family).flatMap(({ tester, prefixes }) =>
      prefixes.map((prefix) => `route ${verb} ${prefix} via ${via(tester)[family === 4 ? "ipv4" : "ipv6"]}${more}`),
    ),
  );
}
