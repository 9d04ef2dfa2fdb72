// SPDX-License-Identifier: Apache-2.0
// Sessions that packets made: read from the kernel's maps. Pure but for what it is given.
import type { Farm } from "./grammar.ts";
import type { Target } from "./services.ts";

export interface Session {
  client: string;
  backend: string;
  /** Of a session that packets made: until it is forgotten, as nft prints it ("49s"). */
  expiration?: string;
}

const tableOf = (farm: Farm) => (farm.mode === "dsr" ? "netdev nft-lb" : "inet nft-lb");

/** The maps that packets fill, of a farm with persistence. */
export const persistMaps = (farm: Farm, ruleset: ReadonlyMap<string, unknown>): string[] =>
  farm.persistence.length === 0
    ? []
    : [4, 6].map((family) => `${tableOf(farm)} persist${family}-${farm.name}`).filter((key) => ruleset.has(key));

/** From what `list map` prints. */
export function sessionsIn(listing: string, targets: readonly Target[]): Session[] {
  const names = new Map(targets.map(({ mark, backend }) => [mark, backend.name]));
  const elements = /elements = \{([^}]*)\}/s.exec(listing)?.[1] ?? "";
  return elements.split(",").flatMap((element) => {
    const found = /^\s*(.+?)(?: timeout \S+)?(?: expires (\S+))? : (\S+)\s*$/s.exec(element);
    const backend = names.get(Number(found?.[3]));
    if (!found?.[1] || backend === undefined) return [];
    return [{ client: found[1], backend, ...(found[2] === undefined ? {} : { expiration: found[2] }) }];
  });
}
