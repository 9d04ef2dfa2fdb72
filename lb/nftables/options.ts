// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import type { Protocol } from "../../harness/api/index.ts";
import { type LeaveMode, leave, looseTcp } from "../linux/conntrack.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { hashSeed, timeouts, weights } from "../linux/options.ts";
import { conntrackMax, randomFully, snatPorts } from "../linux/room.ts";
import { synproxy, takesLoose } from "../linux/synproxy.ts";

const KEYS = ["srcip", "dstip", "srcport", "dstport"] as const;
const keyList = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter((word) => word !== ""))
  .pipe(z.array(z.enum(KEYS)).min(1));

/** "5001,6000-6003". */
const portList = z
  .string()
  .regex(/^\d+(-\d+)?([\s,]+\d+(-\d+)?)*$/, "ports and ranges, as in '5001,6000-6003'")
  .transform((text) =>
    text.split(/[\s,]+/).map((word) => {
      const [from = 0, to = from] = word.split("-").map(Number);
      return { from, to };
    }),
  )
  .refine((ranges) => ranges.every(({ from, to }) => from >= 1 && from <= to && to <= 65_535), "ports are 1 to 65535");

export const options = z.strictObject({
  mode: z
    .enum(["snat", "dnat", "dsr", "stateless_dnat"])
    .optional()
    .describe("both addresses rewritten; the target's; none, only the MAC (dsr); the target's, without state (dnat)"),
  scheduler: z
    .enum(["rr", "weight", "hash", "symhash"])
    .optional()
    .describe("in turn, at random, by a hash of the keys, by a symmetric hash (rr; without state: hash)"),
  keys: keyList
    .default(["srcip", "srcport"])
    .describe("what is hashed: srcip, dstip, srcport, dstport (srcip,srcport)"),
  hashSeed,
  weights,
  priorities: weights.describe(
    "priorities of the targets, '1,1,2': the best (lowest) that has an active target is in use",
  ),
  ports: portList.optional().describe("ports of the VIP that are served, '5001,6000-6003' (all)"),
  persistence: z.coerce
    .number()
    .int()
    .min(0)
    .max(86_400)
    .default(0)
    .describe("seconds a source stays with its target (0: not)"),
  leave,
  timeouts,
  looseTcp,
  mssClamp,
  synproxy,
  snatPorts,
  randomFully,
  conntrackMax,
  unsafe: z
    .stringbool()
    .default(false)
    .describe("without state too, let turn or chance choose: a target for every packet, as nftlb's rules do (false)"),
  farm: z
    .string()
    .optional()
    .describe("an nftlb farm file, whole: what other options say of its farms at the VIP comes before it"),
});
export type Given = z.infer<typeof options>;

/** Options as they are used; with a farm file, those of one farm. */
export interface Settings {
  /** Its name. */
  farm?: string;
  mode: "snat" | "dnat" | "dsr" | "stateless_dnat";
  scheduler: "rr" | "weight" | "hash" | "symhash";
  keys: readonly (typeof KEYS)[number][];
  hashSeed: number;
  weights: readonly number[] | undefined;
  priorities: readonly number[] | undefined;
  ports: readonly { from: number; to: number }[] | undefined;
  /** What the VIP serves. */
  families: readonly (4 | 6)[];
  protocols: readonly Protocol[];
  /** Which priorities are in use: the best with an active target, or nftlb's count of targets that are down. */
  standby: "best" | "nftlb";
  /** Targets that the farm file has taken out. */
  down?: readonly number[] | undefined;
  /** Slots are by weight in this order of targets, and the last ones fill those of targets that leave. */
  order?: readonly number[] | undefined;
  /** Seconds for which rules remember by themselves what they chose, where conntrack does not; null: they do not. */
  keptS: number | null;
  /** Which targets connections get, and how many, is not predicted. */
  unforeseen: boolean;
  persistenceS: number;
  leave: LeaveMode;
  /** Of conntrack; in the words of the option. */
  timeouts: string;
  looseTcp: boolean;
  synproxy: boolean;
  snatPorts?: string | undefined;
  randomFully?: boolean | undefined;
  /** Fields of the farm file that the lab sets by itself. */
  ignored: readonly string[];
}

/** What has ports that rules can tell. */
export const PROTOCOLS = ["tcp", "udp", "sctp"] as const satisfies Protocol[];

/** What is used as it was given. */
export const passed = ({ hashSeed, leave, timeouts, looseTcp, synproxy: shields, snatPorts, randomFully }: Given) => ({
  hashSeed,
  leave,
  timeouts,
  looseTcp: takesLoose({ looseTcp, synproxy: shields }),
  synproxy: shields,
  snatPorts,
  randomFully,
});

export function isStateless(mode: Settings["mode"]): boolean {
  return mode === "dsr" || mode === "stateless_dnat";
}
