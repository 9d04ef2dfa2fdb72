// SPDX-License-Identifier: Apache-2.0
// Limits of sources and of backends. Pure.
import {
  addressType,
  chain,
  consequence,
  hex,
  INET,
  ip,
  limitOver,
  MANY,
  named,
  type Place,
  set,
  tableOf,
} from "./words.ts";

/** Limits that ask the first packet of a connection. `isFirst` finds it where conntrack does not. */
export function limits(place: Place, isFirst: string): string[] {
  const { farm } = place.service;
  const { family } = place;
  const rules: string[] = [];
  const ttl = `timeout ${farm["limits-ttl"]}s`;
  const source = `${ip(family)} saddr`;
  const over = (kind: string, prefix: string | undefined) =>
    consequence(place, {
      chain: named(`over-${kind}`, place),
      table: tableOf(place.service),
      prefix: prefix ?? "KNAME-FNAME ",
      words: { KNAME: kind },
      verdict: farm.verdict.includes("drop") ? "drop" : "",
    });
  if (farm["new-rtlimit"].count > 0) {
    const name = set(place, "new", [`type ${addressType(family)}`, MANY, "flags dynamic,timeout", ttl]);
    const limit = limitOver(farm["new-rtlimit"], farm["new-rtlimit-burst"]);
    rules.push(`${isFirst}add @${name} { ${source} ${limit} } ${over("new-rtlimit", farm["new-rtlimit-log-prefix"])}`);
  }
  if (farm["est-connlimit"] > 0) {
    const name = set(place, "established", [`type ${addressType(family)}`, MANY, "flags dynamic"]);
    const limit = `ct count over ${farm["est-connlimit"]}`;
    rules.push(`add @${name} { ${source} ${limit} } ${over("est-connlimit", farm["est-connlimit-log-prefix"])}`);
  }
  return rules;
}

/** Connections of a backend: a chain for each number, and a map that finds it. */
export function backendLimits(place: Place): string[] {
  const limited = place.service.targets.filter(({ backend }) => backend["est-connlimit"] > 0);
  if (limited.length === 0) return [];
  const { farm } = place.service;
  const elements = limited.map(({ backend, mark }) => {
    const count = backend["est-connlimit"];
    const name = set(place, `established-${backend.name}`, ["type mark", MANY, "flags dynamic"]);
    const over = consequence(place, {
      chain: named(`over-${backend.name}`, place),
      table: INET,
      prefix: backend["est-connlimit-log-prefix"] ?? "KNAME-FNAME-BNAME ",
      words: { KNAME: "est-connlimit", BNAME: backend.name },
      verdict: farm.verdict.includes("drop") ? "drop" : "",
    });
    const to = chain(place, `limit-${backend.name}`, [`add @${name} { ct mark ct count over ${count} } ${over}`]);
    return [hex(mark), `jump ${to}`] as const;
  });
  return [`ct mark vmap @${set(place, "limits", ["type mark : verdict"], new Map(elements))}`];
}
