// SPDX-License-Identifier: Apache-2.0
// What the three data planes take, and the table sizes that fit.
import { z } from "zod";
import { UsageError } from "../../harness/api/index.ts";
import { tableOptions, tableSizes } from "../linux/table.ts";

const common = tableOptions(1_048_573);

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

const table = z
  .enum(["shared", "percpu"])
  .default("shared")
  .describe("one table of connections, or one a CPU, which knows only what came to it");

const gso = z
  .stringbool()
  .default(false)
  .describe("packets longer than the MTU, which a device cuts later, go whole by a TC program (mode=generic)");

export const xdpOptions = z.strictObject({ ...common, mode, connections, table, gso });
export const tcOptions = z.strictObject({ ...common, connections, table });
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

type OnlySome = Pick<z.infer<typeof userOptions>, "mode" | "queues"> &
  Pick<z.infer<typeof xdpOptions>, "connections" | "table" | "gso">;
type OfAll = z.infer<z.ZodObject<typeof common>>;
/** What one of the three was given. */
export type SomePlaneOptions = OfAll & Partial<OnlySome>;
/** The options of any of the three, as one shape. */
export type PlaneOptions = OfAll & OnlySome;

/** Throws UsageError when the options do not fit together. */
export function settle(given: PlaneOptions, targets: number): { M: number; N: number } {
  if (given.connections > 0 && !given.ports)
    throw new UsageError("A connection is known by its ports: connections goes with ports=true.");
  if (given.table === "percpu" && given.connections === 0)
    throw new UsageError("Without a table of connections no CPU has one: table=percpu goes with connections=N.");
  if (given.gso && given.mode === "native")
    throw new UsageError("XDP in the driver gets no packets longer than the MTU: gso=true goes with mode=generic.");
  return tableSizes(given, targets);
}
