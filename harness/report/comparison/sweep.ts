// SPDX-License-Identifier: Apache-2.0
// theory.json: what is lost in theory along a sweep.
import { z } from "zod";

const share = z.number().min(0).max(1);

export const sweepSchema = z.object({
  /** The swept option. */
  parameter: z.string(),
  /** By backend: share of the connections that its strategy loses at the first event; null: there is no theory of it. */
  theory: z.array(
    z.object({ backend: z.string(), points: z.array(z.object({ x: z.number(), share: share.nullable() })) }),
  ),
  /** The same of a balancer that moves no more than it must. */
  ideal: z.array(z.object({ x: z.number(), share })),
});
export type Sweep = z.infer<typeof sweepSchema>;
