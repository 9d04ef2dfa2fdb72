// SPDX-License-Identifier: Apache-2.0
// nftlb's farm file, as far as it concerns one balancer of this lab.
import { readFileSync } from "node:fs";
import { z } from "zod";
import { linkOn, planTopology, UsageError, VIP } from "../../harness/api/index.ts";
import { lineOfError, lineOfPath } from "./json-lines.ts";

const number = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
const KEYS = ["srcip", "dstip", "srcport", "dstport"] as const;
/** nftlb prints what is not set as "none", or as "". */
const unlessUnset = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === "none" || value === "" ? undefined : value), schema.optional());
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

/** A field that this lab does not act on: its defaults, as nftlb prints them, mean nothing and are taken; else it is refused by name. */
const onlyDefault = (...defaults: readonly string[]) =>
  z
    .union([z.string(), z.number()])
    .optional()
    .refine((value) => value === undefined || defaults.includes(String(value)), {
      error: ({ input }) => `'${String(input)}' is not supported, only the default '${defaults[0]}'`,
    });
const noList = z.array(z.unknown()).max(0, { error: "is not supported" }).optional();
/** The same field under several names. */
const each = <Name extends string, Schema extends z.ZodType>(names: readonly Name[], schema: Schema) =>
  Object.fromEntries(names.map((name) => [name, schema])) as Record<Name, Schema>;
const limits = each(
  ["new-rtlimit", "new-rtlimit-burst", "rst-rtlimit", "rst-rtlimit-burst", "est-connlimit"],
  onlyDefault("0"),
);
/** What the lab sets by itself: read, and left aside with a note. */
export const WIRING = ["iface", "oface", "ether-addr", "iether-addr", "oether-addr"] as const;
const wiring = each(WIRING, z.string().optional());
/** Texts that appear in nothing but logs, which are off. */
const logTexts = each(
  [
    "log-prefix",
    "new-rtlimit-log-prefix",
    "rst-rtlimit-log-prefix",
    "est-connlimit-log-prefix",
    "tcp-strict-log-prefix",
  ],
  z.string().optional(),
);

const backend = z.strictObject({
  name: z.string(),
  "ip-addr": z.string(),
  port: onlyDefault(""),
  weight: number(1, 256).default(1),
  priority: number(1, 256).default(1),
  mark: onlyDefault("0x0", "0"),
  "source-addr": onlyDefault(""),
  "est-connlimit": onlyDefault("0"),
  "est-connlimit-log-prefix": z.string().optional(),
  state: z.enum(["up", "down", "off"]).default("up"),
  ...wiring,
});
const farm = z.strictObject({
  name: z.string(),
  family: z.enum(["ipv4", "ipv6", "inet", "dual"]).default("ipv4"),
  "virtual-addr": z.string(),
  "virtual-ports": unlessUnset(portList),
  "source-addr": onlyDefault(""),
  mode: z.enum(["snat", "dnat", "dsr", "stlsdnat"]).default("snat"),
  protocol: z.enum(["tcp", "udp", "all"]).default("tcp"),
  scheduler: z.enum(["weight", "rr", "hash", "symhash"]).default("rr"),
  "sched-param": unlessUnset(keyList),
  persistence: z.enum(["none", "srcip"]).default("none"),
  "persist-ttl": number(1, 86_400).default(60),
  responsettl: onlyDefault("60"),
  helper: onlyDefault("none"),
  log: onlyDefault("none"),
  "log-rtlimit": onlyDefault("0", "0/second"),
  mark: onlyDefault("0x0", "0"),
  priority: onlyDefault("1"),
  state: z.enum(["up", "down", "off"]).default("up"),
  ...limits,
  ...logTexts,
  "limits-ttl": z.union([z.string(), z.number()]).optional(),
  "tcp-strict": onlyDefault("off"),
  verdict: z.string().optional(),
  queue: onlyDefault("-1"),
  "flow-offload": onlyDefault("off", "0"),
  "intra-connect": onlyDefault("off", "0"),
  ...wiring,
  backends: z.array(backend).min(1),
  policies: noList,
  sessions: noList,
});
const file = z.strictObject({ farms: z.array(farm).length(1, "this lab has one VIP: give one farm") });

export interface Farm {
  mode: "snat" | "dnat" | "dsr" | "stateless_dnat";
  scheduler: "weight" | "rr" | "hash" | "symhash";
  keys: readonly (typeof KEYS)[number][] | undefined;
  ports: { from: number; to: number }[] | undefined;
  families: readonly (4 | 6)[];
  protocols: readonly ("tcp" | "udp")[];
  persistenceS: number;
  weights: number[];
  priorities: number[];
  /** Fields that the lab sets by itself. */
  ignored: string[];
}

const FAMILIES = { ipv4: [4], ipv6: [6], inet: [4, 6], dual: [4, 6] } as const;
const PROTOCOLS = { tcp: ["tcp"], udp: ["udp"], all: ["tcp", "udp"] } as const;

/** Throws UsageError that names the file, the line and the field. */
export function readFarm(path: string, targets: number): Farm {
  return parseFarm(readText(path), path, targets);
}

type Wrong = (at: readonly PropertyKey[], message: string) => UsageError;

export function parseFarm(text: string, path: string, targets: number): Farm {
  const wrong: Wrong = (at, message) => {
    const line = lineOfPath(text, at);
    return new UsageError(`'${path}' line ${line}: ${at.map(String).join(".")}: ${message}.`);
  };
  const one = onlyFarm(text, path, wrong);
  const ordered = orderedBackends(one, targets, wrong);
  return {
    mode: one.mode === "stlsdnat" ? "stateless_dnat" : one.mode,
    scheduler: one.scheduler,
    // nftlb hashes the source where nothing else is said.
    keys: one["sched-param"] ?? (one.scheduler === "hash" ? ["srcip"] : undefined),
    ports: one["virtual-ports"],
    families: FAMILIES[one.family],
    protocols: PROTOCOLS[one.protocol],
    persistenceS: one.persistence === "none" ? 0 : one["persist-ttl"],
    weights: ordered.map((b) => b?.weight ?? 1),
    priorities: ordered.map((b) => b?.priority ?? 1),
    ignored: WIRING.filter((name) => [one, ...one.backends].some((part) => (part[name] ?? "") !== "")),
  };
}

const inFarm = (field: string) => ["farms", 0, field];

function onlyFarm(text: string, path: string, wrong: Wrong): z.infer<typeof farm> {
  const parsed = file.safeParse(parseJson(text, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const extra = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    throw wrong([...(issue?.path ?? []), ...extra], issue?.message ?? "is wrong");
  }
  const [one] = parsed.data.farms;
  if (!one) throw wrong(["farms"], "is empty");
  const vip = one["virtual-addr"];
  if (vip !== VIP[4] && vip !== VIP[6])
    throw wrong(inFarm("virtual-addr"), `'${vip}' is not the lab's VIP ${VIP[4]} or ${VIP[6]}`);
  if (one.state !== "up") throw wrong(inFarm("state"), "the farm is not up");
  return one;
}

/** The farm's backends in the order of the lab's targets. */
function orderedBackends(one: z.infer<typeof farm>, targets: number, wrong: Wrong) {
  const links = planTopology({ targets, routers: 1 }).targets.map((target) => linkOn(target, "net1"));
  if (one.backends.length !== links.length)
    throw wrong(inFarm("backends"), `has ${one.backends.length}, but there are ${targets} targets`);
  const ordered = links.map(({ ipv4, ipv6 }) =>
    one.backends.find((b) => b["ip-addr"] === ipv4 || b["ip-addr"] === ipv6),
  );
  for (const [i, b] of one.backends.entries()) {
    const field = [...inFarm("backends"), i];
    if (!ordered.includes(b))
      throw wrong([...field, "ip-addr"], `'${b["ip-addr"]}' is no target of this lab, or twice`);
    if (b.state !== "up") throw wrong([...field, "state"], "targets leave by --scale, not in the file");
  }
  return ordered;
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
