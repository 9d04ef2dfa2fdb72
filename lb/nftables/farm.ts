// SPDX-License-Identifier: Apache-2.0
// A farm file as this lab uses it: checked line by line, and those of its farms that serve the VIP.
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { z } from "zod";
import { addressBytes, linkOn, planTopology, UsageError, VIP } from "../../harness/api/index.ts";
import { FarmError } from "./farms/errors.ts";
import { addressSchema, type Farm, type FarmFile, farmSchema, policySchema } from "./farms/grammar.ts";
import { type Service, servicesOf, type Virtual } from "./farms/services.ts";
import { lineOfError, lineOfPath } from "./json-lines.ts";

const schema = z.strictObject({
  farms: z.array(farmSchema).min(1),
  addresses: z.array(addressSchema).default([]),
  policies: z.array(policySchema).default([]),
});

/** What the lab sets by itself. */
export const WIRING = ["iface", "oface", "ether-addr", "iether-addr", "oether-addr"] as const;

export interface FarmPlan {
  file: FarmFile;
  /** Farms that balance what is sent to the lab's VIPs, with where they do. */
  serving: readonly Serving[];
  /** Fields that the lab sets by itself. */
  ignored: readonly string[];
}
export interface Serving {
  farm: Farm;
  virtuals: readonly Virtual[];
}

/** Throws UsageError that names the file, the line and the field. `targets` null: backends are not held against the lab's. */
export function readFarm(path: string, targets: number | null): FarmPlan {
  return parseFarm(readText(path), path, targets);
}

type Wrong = (at: readonly PropertyKey[], message: string) => UsageError;

export function parseFarm(text: string, path: string, targets: number | null): FarmPlan {
  const wrong: Wrong = (at, message) => {
    const line = lineOfPath(text, at);
    return new UsageError(`'${path}' line ${line}: ${at.map(String).join(".")}: ${message}.`);
  };
  const parsed = schema.safeParse(parseJson(text, path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const extra = issue?.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [];
    throw wrong([...(issue?.path ?? []), ...extra], issue?.message ?? "is wrong");
  }
  const file = { ...parsed.data, farms: parsed.data.farms.map(withOtherVip) };
  for (const [i, { name }] of file.farms.entries())
    if (file.farms.findIndex((one) => one.name === name) < i)
      throw wrong(["farms", i, "name"], `'${name}' is there twice`);
  const serving = servingOf(file, path);
  if (serving.length === 0) throw wrong(...unserved(file));
  if (targets !== null) {
    checkBackends(file, serving, targets, wrong);
    for (const { farm } of serving) farm.backends = withOtherAddresses(farm, targets);
  }
  const parts = file.farms.flatMap((farm) => [farm, ...farm.backends]);
  return { file, serving, ignored: WIRING.filter((name) => parts.some((part) => part[name] !== undefined)) };
}

const isSameAddress = (one: string, other: string): boolean =>
  Buffer.compare(addressBytes(one), addressBytes(other)) === 0;
export const isVip = (ip: string): boolean => isSameAddress(ip, VIP[4]) || isSameAddress(ip, VIP[6]);

const FAMILIES_OF = { ipv4: [4], ipv6: [6], inet: [4, 6], dual: [4, 6] } as const;
const familyOf = (ip: string) => (isIP(ip) === 6 ? 6 : 4);

/** A farm of both families that names one VIP of the lab's has the other one too. */
function withOtherVip(farm: Farm): Farm {
  const vip = farm["virtual-addr"];
  if (FAMILIES_OF[farm.family].length < 2 || farm.addresses.length > 0 || vip === undefined || !isVip(vip)) return farm;
  const other = familyOf(vip) === 4 ? 6 : 4;
  const { protocol, "virtual-ports": ports } = farm;
  const address = addressSchema.parse({ name: `${farm.name}-${other}`, "ip-addr": VIP[other], protocol });
  return { ...farm, addresses: [{ ...address, ports }] };
}

/** As are the targets' addresses of the family that none of its backends has. */
function withOtherAddresses(farm: Farm, targets: number): Farm["backends"] {
  const families = new Set(farm.backends.flatMap(({ "ip-addr": ip }) => (ip === undefined ? [] : [familyOf(ip)])));
  if (FAMILIES_OF[farm.family].length < 2 || families.size !== 1) return farm.backends;
  const to = families.has(4) ? "ipv6" : "ipv4";
  const { targets: all } = planTopology({ targets, routers: 1 });
  const twins = farm.backends.flatMap((one) => {
    const target = all[targetIndex(one["ip-addr"], targets)];
    return target ? [{ ...one, name: `${one.name}-${to}`, "ip-addr": linkOn(target, "net1")[to], mark: 0 }] : [];
  });
  return [...farm.backends, ...twins];
}

/** Direct return needs MAC addresses, which the lab knows better: what else is wrong shows here. */
function servingOf(file: FarmFile, path: string): Serving[] {
  return servicesIn(
    { ...file, farms: file.farms.map((farm) => (farm.mode === "dsr" ? { ...farm, mode: "dnat" } : farm)) },
    path,
  ).flatMap(({ farm, virtuals }) => {
    const mine = virtuals.filter(({ ip }) => isVip(ip));
    const own = file.farms.find(({ name }) => name === farm.name) ?? farm;
    return mine.length === 0 || own.mode === "local" ? [] : [{ farm: own, virtuals: mine }];
  });
}

/** Throws UsageError where parts of the file do not fit together. */
export function servicesIn(file: FarmFile, path: string): Service[] {
  try {
    return servicesOf(file);
  } catch (cause) {
    if (!(cause instanceof FarmError)) throw cause;
    throw new UsageError(`'${path}': ${cause.message}`, { cause });
  }
}

/** Why the first farm serves no VIP of the lab's. */
function unserved({ farms }: FarmFile): Parameters<Wrong> {
  const i = Math.max(
    0,
    farms.findIndex(({ "virtual-addr": vip }) => vip !== undefined && isVip(vip)),
  );
  const farm = farms[i];
  const vip = farm?.["virtual-addr"];
  if (vip === undefined && farm?.addresses.length === 0) return [["farms", i, "virtual-addr"], "is missing"];
  if (vip === undefined || !isVip(vip))
    return [["farms", i, "virtual-addr"], `'${vip ?? ""}' is not the lab's VIP ${VIP[4]} or ${VIP[6]}`];
  if (farm?.state !== "up") return [["farms", i, "state"], "the farm is not up"];
  if (farm.mode === "local") return [["farms", i, "mode"], "'local' balances nothing; the lab needs a farm that does"];
  return [["farms", i, "backends"], "is empty"];
}

/** Index of the target that has this address; -1: none has. */
export function targetIndex(ip: string | undefined, targets: number): number {
  if (ip === undefined) return -1;
  return planTopology({ targets, routers: 1 }).targets.findIndex((target) => {
    const { ipv4, ipv6 } = linkOn(target, "net1");
    return isSameAddress(ip, ipv4) || isSameAddress(ip, ipv6);
  });
}

/** Backends of farms that serve the VIP are the lab's targets, and each target is one of some farm. */
function checkBackends({ farms }: FarmFile, serving: readonly Serving[], targets: number, wrong: Wrong): void {
  const used = new Set<number>();
  for (const { farm } of serving) {
    const at = ["farms", farms.indexOf(farm), "backends"];
    const own = farm.backends.map((one) => one["ip-addr"]);
    for (const [i, ip] of own.entries()) {
      const index = targetIndex(ip, targets);
      if (index < 0 || own.indexOf(ip) < i)
        throw wrong([...at, i, "ip-addr"], `'${ip ?? ""}' is no target of this lab, or twice`);
      used.add(index);
    }
  }
  const [first] = serving;
  if (used.size === targets || !first) return;
  const at = ["farms", farms.indexOf(first.farm), "backends"];
  throw wrong(at, `has ${used.size}, but there are ${targets} targets`);
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
