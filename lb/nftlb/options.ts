// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { options as nftables, type Settings } from "../nftables/options.ts";
import { settle as settleNftables } from "../nftables/settle.ts";

export const options = nftables.omit({ hashSeed: true, unsafe: true, mssClamp: true }).extend({
  mode: z
    .enum(["snat", "dnat", "dsr"])
    .optional()
    .describe("both addresses rewritten; the target's; none, only the MAC (dnat; with several routers snat)"),
  scheduler: z
    .enum(["rr", "weight", "hash", "symhash"])
    .optional()
    .describe(
      "in turn, at random, by a hash of the keys with a seed of the kernel's, by a symmetric hash (rr; dsr: hash)",
    ),
  farm: z
    .string()
    .optional()
    .describe("a farm file as nftlb takes it: given to nftlb as it is, but for the interfaces of its own machine"),
});
export type Given = z.infer<typeof options>;

/** Throws UsageError when options do not fit together, or the farm file is wrong. */
export function settle(given: Given, targets: number): [Settings, ...Settings[]] {
  // What it does with them is what is asked.
  const [first, ...others] = settleNftables({ ...given, hashSeed: 1, unsafe: true }, targets);
  return [nftlbs(first), ...others.map(nftlbs)];
}

/** Slots are cut anew with each change. */
const nftlbs = (settings: Settings): Settings => ({ ...settings, order: undefined, standby: "nftlb" });
