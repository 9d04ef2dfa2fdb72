// SPDX-License-Identifier: Apache-2.0
// The flow hashes that are known, written from their definitions: what a run sets (seeds) is all they depend on.
import { z } from "zod";
import type { Family } from "../../record/schema.ts";
import type { Flow } from "../hash.ts";
import type { HashDefinition } from "./define.ts";
import { fibMultipath } from "./fib-multipath.ts";
import { fibMultipathOutput } from "./fib-multipath-output.ts";
import { hmark } from "./hmark.ts";
import { ipvs } from "./ipvs.ts";
import { jhash } from "./jhash.ts";
import { murmur3 } from "./murmur3.ts";
import { nginx } from "./nginx.ts";

const HASHES = [murmur3, fibMultipath, fibMultipathOutput, hmark, jhash, nginx, ipvs] as const;

export type FlowHash = z.infer<(typeof HASHES)[number]["schema"]>;

const [first, ...others] = HASHES;
export const flowHash: z.ZodType<FlowHash> = z.discriminatedUnion("kind", [
  first.schema,
  ...others.map(({ schema }) => schema),
]);

const byKind = new Map<string, HashDefinition>(HASHES.map((hash) => [hash.schema.shape.kind.value, hash]));

function definitionOf({ kind }: FlowHash): HashDefinition {
  const known = byKind.get(kind);
  if (!known) throw new Error(`There is no hash '${kind}'.`);
  return known;
}

/** null: what this packet hashes to depends on something that the record does not hold. */
export function hashOf(spec: FlowHash, flow: Flow): number | null {
  return definitionOf(spec).of(spec, flow);
}

/** Number of values that the hash can take; 2^32 where it is not known. */
export function hashSpace(spec: FlowHash | null): number {
  return spec === null ? 2 ** 32 : definitionOf(spec).space;
}

export function hashesSourcesOnly(spec: FlowHash, family: Family): boolean {
  return definitionOf(spec).hashesSourcesOnly(spec, family);
}
