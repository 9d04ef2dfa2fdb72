// SPDX-License-Identifier: Apache-2.0
// nftlb's farm file, as far as it concerns one balancer of this lab.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { linkOn, planTopology, VIP } from "../../harness/topology/topology.ts";
import { UsageError } from "../../harness/util/errors.ts";
import { lineOfError, lineOfPath } from "./json-lines.ts";

const number = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const KEYS = ["srcip", "dstip", "srcport", "dstport"] as const;
const keyList = z
  .string()
  .transform((text) => text.split(/[\s,]+/))
  .pipe(z.array(z.enum(KEYS)).min(1));

/** "5001,6000-6003". */
export const portList = z
  .string()
  .regex(/^\d+(-\d+)?([\s,]+\d+(-\d+)?)*$/, "ports and ranges, as in '5001,6000-6003'")
  .transform((text) =>
    text.split(/[\s,]+/).map((word) => {
      const [from = 0, to = from] = word.split("-").map(Number);
      return { from, to };
    }),
  )
  .refine((ranges) => ranges.every(({ from, to }) => from >= 1 && from <= to && to <= 65_535), "ports are 1 to 65535");

const backend = z.strictObject({
  name: z.string(),
  "ip-addr": z.string(),
  weight: number(1, 256).default(1),
  priority: number(1, 256).default(1),
  state: z.enum(["up", "down", "off"]).default("up"),
});
const farm = z.strictObject({
  name: z.string(),
  family: z.enum(["ipv4", "ipv6", "dual"]).default("ipv4"),
  "virtual-addr": z.string(),
  "virtual-ports": portList.optional(),
  mode: z.enum(["snat", "dnat", "dsr", "stlsdnat"]).default("snat"),
  protocol: z.enum(["tcp", "udp", "all"]).default("tcp"),
  scheduler: z.enum(["weight", "rr", "hash", "symhash"]).default("rr"),
  "sched-param": keyList.optional(),
  persistence: z.enum(["none", "srcip"]).default("none"),
  "persist-ttl": number(1, 86_400).default(60),
  priority: number(1, 256).default(1),
  state: z.enum(["up", "down", "off"]).default("up"),
  backends: z.array(backend).min(1),
});
const file = z.strictObject({ farms: z.array(farm).length(1, "this lab has one VIP: give one farm") });

export interface Farm {
  mode: "snat" | "dnat" | "dsr" | "stateless_dnat";
  scheduler: "weight" | "rr" | "hash" | "symhash";
  keys: readonly (typeof KEYS)[number][] | undefined;
  ports: { from: number; to: number }[] | undefined;
  persistenceS: number;
  weights: number[];
  priorities: number[];
}

/** Throws UsageError that names the file, the line and the field. */
export function readFarm(path: string, targets: number): Farm {
  return parseFarm(readText(path), path, targets);
}

export function parseFarm(text: string, path: string, targets: number): Farm {
  const wrong = (at: readonly PropertyKey[], message: string) => {
    const line = lineOfPath(text, at);
    return new UsageError(`'${path}' line ${line}: ${at.map(String).join(".")}: ${message}.`);
  };
  const parsed = file.safeParse(parseJson(text, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const extra = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    throw wrong([...(issue?.path ?? []), ...extra], issue?.message ?? "is wrong");
  }
  const [one] = parsed.data.farms;
  if (!one) throw wrong(["farms"], "is empty");
  const at = (field: string) => ["farms", 0, field];
  const vip = one["virtual-addr"];
  if (vip !== VIP[4] && vip !== VIP[6])
    throw wrong(at("virtual-addr"), `'${vip}' is not the lab's VIP ${VIP[4]} or ${VIP[6]}`);
  if (one.state !== "up") throw wrong(at("state"), "the farm is not up");
  const links = planTopology({ targets, routers: 1 }).targets.map((target) => linkOn(target, "net1"));
  if (one.backends.length !== links.length)
    throw wrong(at("backends"), `has ${one.backends.length}, but there are ${targets} targets`);
  const ordered = links.map(({ ipv4, ipv6 }) =>
    one.backends.find((b) => b["ip-addr"] === ipv4 || b["ip-addr"] === ipv6),
  );
  for (const [i, b] of one.backends.entries()) {
    const field = [...at("backends"), i];
    if (!ordered.includes(b))
      throw wrong([...field, "ip-addr"], `'${b["ip-addr"]}' is no target of this lab, or twice`);
    if (b.state !== "up") throw wrong([...field, "state"], "targets leave by --scale, not in the file");
  }
  return {
    mode: one.mode === "stlsdnat" ? "stateless_dnat" : one.mode,
    scheduler: one.scheduler,
    keys: one["sched-param"],
    ports: one["virtual-ports"],
    persistenceS: one.persistence === "none" ? 0 : one["persist-ttl"],
    weights: ordered.map((b) => b?.weight ?? 1),
    priorities: ordered.map((b) => b?.priority ?? 1),
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read farm file '${path}': ${(cause as Error).message}.`, { cause });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`'${path}' line ${lineOfError(text)}: this is no valid JSON.`, { cause });
  }
}
