// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { UsageError } from "../../harness/api/index.ts";
import { type LeaveMode, leave, looseTcp } from "../linux/conntrack.ts";
import { mssClamp } from "../linux/mss-clamp.ts";
import { checkWeights, hashSeed, timeouts, weights } from "../linux/options.ts";
import { checkRoom, conntrackMax, randomFully, snatPorts } from "../linux/room.ts";
import { type Farm, portList, readFarm } from "./farm.ts";

const KEYS = ["srcip", "dstip", "srcport", "dstport"] as const;
const keyList = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter((word) => word !== ""))
  .pipe(z.array(z.enum(KEYS)).min(1));

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
    .describe("an nftlb farm file: mode, scheduler, ports, weights and priorities come from it"),
});
export type Given = z.infer<typeof options>;

/** Options as they are used. */
export interface Settings {
  mode: "snat" | "dnat" | "dsr" | "stateless_dnat";
  scheduler: "rr" | "weight" | "hash" | "symhash";
  keys: readonly (typeof KEYS)[number][];
  hashSeed: number;
  weights: readonly number[] | undefined;
  priorities: readonly number[] | undefined;
  ports: readonly { from: number; to: number }[] | undefined;
  /** What the VIP serves. */
  families: readonly (4 | 6)[];
  protocols: readonly ("tcp" | "udp")[];
  /** Which priorities are in use: the best with an active target, or nftlb's count of targets that are down. */
  standby: "best" | "nftlb";
  persistenceS: number;
  leave: LeaveMode;
  /** Of conntrack; in the words of the option. */
  timeouts: string;
  looseTcp: boolean;
  snatPorts?: string | undefined;
  randomFully?: boolean | undefined;
  /** Fields of the farm file that the lab sets by itself. */
  ignored: readonly string[];
}

/** Where no farm file says otherwise. */
const DEFAULTS: Omit<Farm, "scheduler" | "weights" | "priorities"> & Partial<Farm> = {
  mode: "dnat",
  keys: undefined,
  ports: undefined,
  families: [4, 6],
  protocols: ["tcp", "udp"],
  ignored: [],
  persistenceS: 0,
};

/** Throws UsageError when options do not fit together, or the farm file is wrong. */
export function settle(given: Given, targets: number): Settings {
  const farm = given.farm === undefined ? null : readFarm(given.farm, targets);
  const settings = merged(given, farm);
  checkSettings(settings, targets, given.unsafe);
  if (given.mssClamp !== undefined && settings.mode === "dsr")
    throw new UsageError("mssClamp needs forwarded SYNs, and mode=dsr redirects them before. Try mode=dnat.");
  checkRoom(given, isStateless(settings.mode) ? false : null, "mode=snat");
  if (given.conntrackMax !== undefined && isStateless(settings.mode))
    throw new UsageError(`conntrackMax limits conntrack, and mode=${settings.mode} does not use it. Try mode=dnat.`);
  return settings;
}

/** What was given by itself comes before what the farm file says. */
function merged(given: Given, farm: Farm | null): Settings {
  const other = farm ?? DEFAULTS;
  const mode = given.mode ?? other.mode;
  return {
    mode,
    scheduler: given.scheduler ?? other.scheduler ?? (isStateless(mode) ? "hash" : "rr"),
    keys: other.keys ?? given.keys,
    hashSeed: given.hashSeed,
    weights: given.weights ?? other.weights,
    priorities: given.priorities ?? other.priorities,
    ports: given.ports ?? other.ports,
    families: other.families,
    protocols: other.protocols,
    standby: given.priorities === undefined && farm ? "nftlb" : "best",
    ignored: other.ignored,
    persistenceS: given.persistence || other.persistenceS,
    leave: given.leave,
    timeouts: given.timeouts,
    looseTcp: given.looseTcp,
    snatPorts: given.snatPorts,
    randomFully: given.randomFully,
  };
}

function checkSettings(
  { mode, scheduler, weights, priorities, persistenceS }: Settings,
  targets: number,
  unsafe: boolean,
): void {
  const stateless = isStateless(mode);
  checkWeights(weights, targets);
  if (priorities !== undefined && priorities.length !== targets)
    throw new UsageError(`priorities has ${priorities.length} numbers, but there are ${targets} targets.`);
  if (stateless && !unsafe && (scheduler === "rr" || scheduler === "weight"))
    throw new UsageError(
      `scheduler=${scheduler} would spread the packets of one connection with mode=${mode}, which keeps no state. Try scheduler=hash, or unsafe=true to see what that loses.`,
    );
  if (stateless && persistenceS > 0)
    throw new UsageError(`persistence needs state, and mode=${mode} keeps none. Try keys=srcip.`);
}

export function isStateless(mode: Settings["mode"]): boolean {
  return mode === "dsr" || mode === "stateless_dnat";
}
