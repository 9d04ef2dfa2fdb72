// SPDX-License-Identifier: Apache-2.0
// Farms, addresses and policies as they were given, and what a request makes of them. Pure: a change gives a new state.
import type { z } from "zod";
import { FarmError, sentenceOf } from "./errors.ts";
import { addressSchema as addresses, type addressSchema, type FarmFile, farmSchema, policySchema } from "./grammar.ts";

type Raw = Record<string, unknown> & { name: string };
export const KINDS = ["farms", "addresses", "policies"] as const;
type Kind = (typeof KINDS)[number];
export type State = Readonly<Record<Kind, ReadonlyMap<string, Raw>>>;
export const EMPTY: State = { farms: new Map(), addresses: new Map(), policies: new Map() };

/** Lists of a farm or a policy, and the field by which an item is known. */
const LISTS: Record<string, string> = {
  backends: "name",
  addresses: "name",
  policies: "name",
  sessions: "client",
  elements: "data",
};
const SCHEMAS = { farms: farmSchema, addresses, policies: policySchema };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `replace`: lists that are given take the place of those there were; else their items are joined with them. */
export function merged(state: State, body: unknown, replace: boolean): State {
  if (!isRecord(body)) throw new FarmError("The body is no JSON object.");
  const next = { farms: new Map(state.farms), addresses: new Map(state.addresses), policies: new Map(state.policies) };
  for (const [kind, list] of Object.entries(body)) {
    const known = KINDS.find((one) => one === kind);
    if (!known || !Array.isArray(list)) throw new FarmError(`'${kind}' is none of ${KINDS.join(", ")}, each a list.`);
    for (const [i, given] of list.entries()) {
      if (!isRecord(given) || typeof given.name !== "string") throw new FarmError(`${kind}.${i}.name: is missing`);
      const name = given.name;
      const old = next[known].get(name);
      next[known].set(name, joined(old ?? { name }, given, replace));
    }
  }
  return settled(next);
}

function joined(old: Raw, given: Record<string, unknown>, replace: boolean): Raw {
  const next: Raw = { ...old };
  for (const [field, value] of Object.entries(given)) {
    const id = LISTS[field];
    if (id === undefined || !Array.isArray(value) || replace) next[field] = value;
    else next[field] = joinedList(old[field], value, id);
  }
  return next;
}

function joinedList(old: unknown, given: readonly unknown[], id: string): unknown[] {
  const items = new Map((Array.isArray(old) ? old : []).map((item: Record<string, unknown>) => [item[id], item]));
  for (const item of given) {
    if (!isRecord(item)) throw new FarmError("An item of a list is no JSON object.");
    items.set(item[id], { ...items.get(item[id]), ...item });
  }
  return [...items.values()];
}

/** What is gone is no longer used: policies and addresses of farms. */
function settled(state: Record<Kind, Map<string, Raw>>): State {
  for (const [name, farm] of state.farms) {
    const uses = (farm.policies as Raw[] | undefined)?.filter((one) => state.policies.has(one.name));
    if (uses && uses.length < (farm.policies as Raw[]).length) state.farms.set(name, { ...farm, policies: uses });
  }
  return state;
}

/** `path`: kind, name, list, item. Throws FarmError (404) when that is not there. */
export function without(state: State, [kind, name, list, item]: readonly string[]): State {
  const known = KINDS.find((one) => one === kind);
  if (!known) throw unknown(kind);
  const next = { farms: new Map(state.farms), addresses: new Map(state.addresses), policies: new Map(state.policies) };
  if (name === undefined) {
    next[known].clear();
    return settled(next);
  }
  const old = next[known].get(name);
  if (!old) throw unknown(name);
  if (list === undefined) {
    next[known].delete(name);
    if (known === "addresses") dropAddress(next.farms, name);
    return settled(next);
  }
  const id = LISTS[list];
  if (id === undefined) throw unknown(list);
  const items = (old[list] as Record<string, unknown>[] | undefined) ?? [];
  const left = item === undefined ? [] : items.filter((one) => one[id] !== item);
  if (item !== undefined && left.length === items.length) throw unknown(item);
  next[known].set(name, { ...old, [list]: left });
  return settled(next);
}

function dropAddress(farms: Map<string, Raw>, name: string): void {
  for (const [farmName, farm] of farms) {
    const uses = farm.addresses as Raw[] | undefined;
    if (uses?.some((one) => one.name === name))
      farms.set(farmName, { ...farm, addresses: uses.filter((one) => one.name !== name) });
  }
}

const unknown = (name: string | undefined) => new FarmError(`Unknown '${name ?? ""}'.`, 404);

const parsed = new WeakMap<Raw, unknown>();

function parse<T>(schema: z.ZodType<T>, raw: Raw, kind: Kind): T {
  const known = parsed.get(raw);
  if (known !== undefined) return known as T;
  const result = schema.safeParse(raw);
  if (!result.success) throw new FarmError(`${kind}, '${raw.name}': ${sentenceOf(result.error)}.`);
  parsed.set(raw, result.data);
  return result.data;
}

/** Throws FarmError that names the field. What did not change gives the same objects again. */
export function fileOf(state: State): FarmFile {
  return {
    farms: [...state.farms.values()].map((raw) => parse(SCHEMAS.farms, raw, "farms")),
    addresses: [...state.addresses.values()].map((raw) =>
      parse<z.infer<typeof addressSchema>>(SCHEMAS.addresses, raw, "addresses"),
    ),
    policies: [...state.policies.values()].map((raw) => parse(SCHEMAS.policies, raw, "policies")),
  };
}
