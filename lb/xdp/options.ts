// SPDX-License-Identifier: Apache-2.0
// What the three data planes take, and the table sizes that fit.
import { z } from "zod";
import { UsageError } from "../../harness/util/errors.ts";
import { tableSizes } from "../linux/table.ts";

const common = {
  hash: z.enum(["maglev", "modulo"]).default("maglev").describe("how a hash becomes a target"),
  ports: z.stringbool().default(true).describe("hash ports and protocol too, not only addresses"),
  M: z.coerce
    .number()
    .int()
    .min(2)
    .max(1_048_573)
    .optional()
    .describe("Maglev table size, a prime (997 up to 32 targets, else 65537)"),
  N: z.coerce.number().int().min(1).max(1000).optional().describe("targets the table has room for (at least 32)"),
  hashSeed: z.coerce
    .number()
    .int()
    .min(0)
    .max(0xffffffff)
    .default(0)
    .describe("seed of the flow hash and of the table"),
  broken: z.enum(["random"]).optional().describe("misbehave on purpose: to prove that the lab catches it"),
};

const mode = z
  .enum(["generic", "native"])
  .default("generic")
  .describe("where XDP runs: in the stack's receive path, or in the driver");

const connections = z.coerce
  .number()
  .int()
  .min(0)
  .max(2 ** 24)
  .default(0)
  .describe(
    "connections to remember, so that returning targets take none away (0: none; the least recently used go first)",
  );

export const xdpOptions = z.strictObject({ ...common, mode, connections });
export const tcOptions = z.strictObject({ ...common, connections });
export const userOptions = z.strictObject({
  ...common,
  mode,
  queues: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe("queues of the interfaces, with a thread each; a veth has as many as the machine has CPUs"),
});

/** The options of any of the three, as one shape. */
export type PlaneOptions = z.infer<typeof xdpOptions> & { queues: number };

/** Throws UsageError when the options do not fit together. */
export function settle(given: PlaneOptions, targets: number): { M: number; N: number } {
  if (given.connections > 0 && !given.ports)
    throw new UsageError("A connection is known by its ports: connections goes with ports=true.");
  return tableSizes({ ...given, mode: given.hash }, targets);
}
