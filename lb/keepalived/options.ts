// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { fileOptions } from "../found/file.ts";
import { options as ipvsOptions } from "../ipvs/options.ts";

const seconds = z.coerce.number().min(0.1).max(600);

/** IPVS' own, and how targets are checked. */
export const options = ipvsOptions.extend({
  // The dead are its own to find: that is the scenario 'failure'.
  leave: z
    .enum(["remove", "drain"])
    .default("remove")
    .describe("a target that leaves is removed, or gets weight 0 and keeps its connections"),
  delayLoop: seconds.default(2).describe("seconds between two health checks of a target"),
  connectTimeout: seconds.default(1).describe("seconds that a health check waits for its connection"),
  retries: z.coerce
    .number()
    .int()
    .min(0)
    .max(100)
    .default(1)
    .describe("a target that was in use is checked so often again before it is taken out"),
  delayBeforeRetry: seconds.default(0.5).describe("seconds before each of these"),
  ...fileOptions,
});
export type Options = z.infer<typeof options>;

/** Seconds that it takes at most to find out that a target does not answer. */
export function longestS({ delayLoop, connectTimeout, retries, delayBeforeRetry }: Options): number {
  return delayLoop + (retries + 1) * connectTimeout + retries * delayBeforeRetry;
}
