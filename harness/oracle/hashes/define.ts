// SPDX-License-Identifier: Apache-2.0
import type { z } from "zod";
import type { Family } from "../../record/schema.ts";
import type { Flow } from "../hash.ts";

/** A hash of flows, as data of this schema in the record. All functions are pure. */
export interface HashDefinition<Schema extends z.ZodObject = z.ZodObject> {
  /** A strict object; its literal `kind` is the name. */
  schema: Schema;
  /** Number of values: each is a whole number from 0 to below this. */
  space: number;
  /** null: what this packet hashes to depends on something that the record does not hold. */
  of(spec: z.infer<Schema>, flow: Flow): number | null;
  /** Whether all flows of one source, to one destination, hash alike. */
  hashesSourcesOnly(spec: z.infer<Schema>, family: Family): boolean;
}

/** Types the functions by the schema. */
export function defineHash<Schema extends z.ZodObject>(definition: HashDefinition<Schema>): HashDefinition<Schema> {
  return definition;
}
