// SPDX-License-Identifier: Apache-2.0
// Rules of all farms. A packet of a connection that is known costs no look-up in the NAT modes: what is decided once is decided in
// chains of type nat, which see the first packet only. Pure.
import { type Entry, lookups } from "./lookups.ts";
import { natRules } from "./nat.ts";
import type { Part, Ruleset } from "./parts.ts";
import { policyRules } from "./policies.ts";
import { type Family, familyOf, type Service } from "./services.ts";
import { dsrRules, statelessRules } from "./stateless.ts";
import type { Fragment, RenderOptions } from "./words.ts";

export const RENDER_DEFAULTS: RenderOptions = {
  hashSeed: 1,
  logGroup: null,
  unsafe: false,
  masquerade: ["masquerade"],
};

const fragments = new WeakMap<Service, { options: RenderOptions; fragment: Fragment }>();

/** The same service object gives the same parts again, so that a change costs what it changes. */
function fragmentOf(service: Service, options: RenderOptions): Fragment {
  const known = fragments.get(service);
  if (known?.options === options) return known.fragment;
  const fragment = render(service, options);
  fragments.set(service, { options, fragment });
  return fragment;
}

export function rulesetOf(services: readonly Service[], options: RenderOptions = RENDER_DEFAULTS): Ruleset {
  const all = services.map((service) => fragmentOf(service, options));
  const devices = [...new Set(all.flatMap((one) => one.devices))];
  const offloaded = [...new Set(all.flatMap((one) => one.offloaded))];
  const ruleset = new Map<string, Part>();
  for (const { parts } of all) for (const [key, part] of parts) ruleset.set(key, part);
  if (offloaded.length > 0)
    ruleset.set("inet nft-lb flows", {
      kind: "flowtable",
      spec: ["hook ingress priority filter", `devices = { ${offloaded.map((one) => `"${one}"`).join(", ")} }`],
    });
  const sources = localSources(all, ruleset);
  const entries = all.flatMap((one) => one.entries);
  const first = sources.length === 0 ? {} : { postrouting: sources };
  for (const [key, part] of sameLookups(entries, first, devices)) ruleset.set(key, part);
  return ruleset;
}

type Lookups = Parameters<typeof lookups>;
let last: { entries: readonly Entry[]; rest: string; parts: ReturnType<typeof lookups> } | null = null;

/** The same parts again while farms are found as before, which most changes leave alone. */
function sameLookups(entries: Lookups[0], first: Lookups[1], devices: Lookups[2]): ReturnType<typeof lookups> {
  const rest = JSON.stringify([first, devices]);
  const isSame =
    last?.rest === rest &&
    last.entries.length === entries.length &&
    entries.every(({ use, chain, virtual }, i) => {
      const before = last?.entries[i];
      return use === before?.use && chain === before.chain && virtual === before.virtual;
    });
  if (!isSame) last = { entries, rest, parts: lookups(entries, first, devices) };
  return (last as NonNullable<typeof last>).parts;
}

/** A proxy on this machine marks the packets that it sends to a backend. */
function localSources(all: readonly Fragment[], ruleset: Map<string, Part>): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const elements = new Map(
      all.flatMap(({ sources }) => sources.flatMap((one) => [...one].filter(([, ip]) => familyOf(ip) === family))),
    );
    if (elements.size === 0) return [];
    ruleset.set(`inet nft-lb local${family}`, {
      kind: "map",
      spec: [`type mark : ip${family === 4 ? "v4" : "v6"}_addr`],
      elements,
    });
    return [`snat ip${family === 4 ? "" : "6"} to meta mark map @local${family}`];
  });
}

function render(service: Service, options: RenderOptions): Fragment {
  const fragment: Fragment = { parts: new Map(), entries: [], devices: [], offloaded: [], sources: [] };
  const { farm, virtuals } = service;
  for (const family of [4, 6] as const) {
    const mine = virtuals.filter(({ ip }) => familyOf(ip) === family);
    if (mine.length === 0) continue;
    const one = { ...service, virtuals: mine, ...ofFamily(service, family) };
    const place = { service: one, family, options, fragment };
    policyRules(place);
    if (farm.mode === "dsr") dsrRules(place);
    else if (farm.mode === "stlsdnat") statelessRules(place);
    else natRules(place);
  }
  if (farm.mode === "dsr" && farm.iface !== undefined) fragment.devices.push(farm.iface);
  if (farm["flow-offload"])
    fragment.offloaded.push(...[farm.iface, farm.oface].filter((device) => device !== undefined));
  return fragment;
}

const ofFamily = ({ all, targets, pool }: Service, family: Family) => {
  const mine = (list: Service["all"]) => list.filter(({ ip }) => familyOf(ip) === family);
  return { all: mine(all), targets: mine(targets), pool: mine(pool) };
};
