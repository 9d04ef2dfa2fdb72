// SPDX-License-Identifier: Apache-2.0
// Which target a client gets: by a session, from memory, or drawn anew. Pure.
import type { Key } from "./grammar.ts";
import { isStateless, type Service } from "./services.ts";
import { chain, fieldsOf, fitting, hex, MANY, type Place, set, sizeOf, typeOf } from "./words.ts";

/** In and out of the memory of whom a client belongs to: rules before the draw, and what follows a draw. */
interface Memory {
  before: string[];
  after: string;
}

/** What tells a connection from others. */
export const CONNECTION: readonly Key[] = ["srcip", "srcport", "dstip", "dstport"];

/** `to`: rules that send a packet to the target of its mark, and fall through when that is not there. */
export function memory(place: Place, register: string, to: readonly string[]): Memory {
  const { farm, pool, targets } = place.service;
  const { family, options } = place;
  // Turn and chance know a connection again only where conntrack, or this map, does.
  const byConnection =
    farm.persistence.length === 0 && isStateless(farm) && !options.unsafe && /^(rr|weight)$/.test(farm.scheduler);
  const keys = fitting(byConnection ? CONNECTION : farm.persistence, family);
  if (keys.length === 0 || pool.length === 0) return { before: [], after: "" };
  const fields = fieldsOf(keys, family);
  const type = `type ${typeOf(keys, family)} : mark`;
  // nft 1.0.6 ends by an assertion when packets fill a map whose key is longer than an IPv6 address: a hash of it stands for it.
  const isLong = sizeOf(keys, family) > 16;
  const client = isLong ? `jhash ${fields} mod 4294967295 seed ${hex(options.hashSeed)}` : fields;
  const keptType = isLong ? `typeof numgen inc mod 2 : ${register}` : type;
  const kept = set(place, "persist", [keptType, MANY, "flags dynamic,timeout", `timeout ${farm["persist-ttl"]}s`]);
  const renew = `update @${kept} { ${client} : ${register} }`;
  const keptChain = chain(place, "kept", [
    ...to.map((rule) => `${renew} ${rule}`),
    `delete @${kept} { ${client} : ${register} }`,
  ]);
  const marks = new Map(targets.map(({ backend, mark }) => [backend.name, mark]));
  const sessions = farm.sessions.flatMap(({ client, backend }) => {
    const mark = marks.get(backend);
    const key = client.split(" . ").filter((_, i) => keys.includes(farm.persistence[i] ?? "srcip"));
    return mark === undefined ? [] : [[key.join(" . "), hex(mark)] as const];
  });
  const fixed = byConnection ? null : set(place, "static", [type], new Map(sessions));
  const before = fixed === null ? [] : [`${register} set ${fields} map @${fixed} jump ${chain(place, "fixed", to)}`];
  return { before: [...before, `${register} set ${client} map @${kept} jump ${keptChain}`], after: ` ${renew}` };
}

/** The rule that draws a target, if there is any. */
export function choice(place: Place, register: string, after: string): string[] {
  const elements = slots(place.service);
  if (elements.size === 0) return [];
  const name = set(place, "slots", [`typeof numgen inc mod 2 : ${register}`], elements);
  return [`${register} set ${draw(place, elements.size)} map @${name}${after}`];
}

/**
 * Every target has as many slots as its weight, in the order of the farm. The last ones take the places of those that get no new
 * connections, so that a change moves as few slots as it must.
 */
function slots({ all, pool }: Pick<Service, "all" | "pool">): Map<string, string> {
  const divisor = all.reduce((common, { backend }) => gcd(common, backend.weight), 0);
  const used = new Set(pool);
  // Loops, as a farm of 1000 backends is gone through at each request: the mark of each slot.
  const marks: number[] = [];
  let size = 0;
  for (const target of all) {
    const count = target.backend.weight / divisor;
    const isUsed = used.has(target);
    for (let n = 0; n < count; n++) marks.push(isUsed ? target.mark : FREE);
    if (isUsed) size += count;
  }
  const elements = new Map<string, string>();
  let last = marks.length;
  for (let slot = 0; slot < size; slot++) {
    let mark = marks[slot] ?? FREE;
    while (mark === FREE) mark = marks[--last] ?? FREE;
    elements.set(`${slot}`, hex(mark));
  }
  return elements;
}

const FREE = -1;

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Expression that draws a number below n. */
function draw({ service: { farm }, family, options }: Place, n: number): string {
  switch (farm.scheduler) {
    case "rr":
      return `numgen inc mod ${n}`;
    case "weight":
      return `numgen random mod ${n}`;
    case "symhash":
      return `symhash mod ${n}`;
    case "hash": {
      const keys = fitting(farm["sched-param"].length > 0 ? farm["sched-param"] : ["srcip"], family);
      return `jhash ${fieldsOf(keys, family)} mod ${n} seed ${hex(options.hashSeed)}`;
    }
  }
}
