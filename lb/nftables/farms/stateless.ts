// SPDX-License-Identifier: Apache-2.0
// Modes stlsdnat and dsr: without conntrack. Pure.
import { limits } from "./limits.ts";
import { choice, memory } from "./memory.ts";
import { portDraw, portsOf } from "./ports.ts";
import { addressType, chain, enter, hex, inputLog, ip, isMarked, named, type Place, set } from "./words.ts";

const SYN = "tcp flags & (fin | syn | rst | ack) == syn ";

/** Stateless DNAT: addresses rewritten on the way in, and back by the backend's address. The kernel's routes lead both ways. */
export function statelessRules(place: Place): void {
  const { service, family } = place;
  const { targets, virtuals } = service;
  const addresses = set(
    place,
    "to",
    [`type mark : ${addressType(family)}`],
    new Map(targets.map(({ mark, ip: to }) => [hex(mark), to])),
  );
  const ported = targets.filter((target) => portsOf(target.backend).length > 0);
  // By the name of the protocol, as only so nft corrects its checksum.
  const protocols = [...new Set(virtuals.flatMap(({ protocol }) => protocol ?? []))];
  const portRules = protocols.flatMap((protocol) => portRulesOf(place, protocol));
  // The mark of a target is nothing to route by, unless it was asked for.
  // Without a verdict the packet would come back to the draw, once it was found in the memory.
  const rewritten = chain(place, "rewritten", [
    "notrack",
    ...portRules,
    ...(isMarked(place) ? [] : ["meta mark set 0"]),
    "accept",
  ]);
  const to = [`${ip(family)} daddr set meta mark map @${addresses} goto ${rewritten}`];
  const { before, after } = memory(place, "meta mark", to);
  const rules = [...inputLog(place), ...limits(place, SYN), ...before, ...choice(place, "meta mark", after), ...to];
  enter(place, "stateless", chain(place, "farm", rules));
  const [vip] = virtuals;
  if (!vip) return;
  const back = `notrack ${ip(family)} saddr set ${vip.ip}`;
  const plainBack = chain(place, "back", [back]);
  const backRules = protocols.map((one) => `${one} sport set ${vip.ports?.[0]?.from}`);
  const portBack = ported.length > 0 ? chain(place, "back-port", [back, ...backRules]) : plainBack;
  for (const { ip: address, backend } of targets)
    for (const { name, protocol, ports: own } of virtuals) {
      const virtual = { name, ip: address, protocol, ports: backend.port.length > 0 ? backend.port : own };
      place.fragment.entries.push({ use: "reply", chain: backend.port.length > 0 ? portBack : plainBack, virtual });
    }
}

/** The port of a target that a packet leaves for, by its mark: always the same one for a connection. */
function portRulesOf(place: Place, protocol: string): string[] {
  const { targets } = place.service;
  const one = targets.filter((target) => portsOf(target.backend).length === 1);
  const rules: string[] = [];
  if (one.length > 0) {
    const elements = new Map(one.map((target) => [hex(target.mark), `${portsOf(target.backend)[0]}`]));
    const name = set(place, "ports", ["type mark : inet_service"], elements);
    rules.push(`${protocol} dport set meta mark map @${name}`);
  }
  for (const target of targets.filter((each) => portsOf(each.backend).length > 1))
    rules.push(`meta mark ${hex(target.mark)} ${protocol} dport set ${portDraw(place, target)}`);
  return rules;
}

/** Direct return: only MAC addresses change, before the stack sees the packet. */
export function dsrRules(place: Place): void {
  const { service } = place;
  const { farm, targets } = service;
  const macs = new Map(targets.map(({ mark, backend }) => [hex(mark), backend["ether-addr"] ?? ""]));
  const name = set(place, "to", ["type mark : ether_addr"], macs);
  const to = [`ether daddr set meta mark map @${name} ether saddr set ${farm["ether-addr"]} fwd to "${farm.oface}"`];
  const { before, after } = memory(place, "meta mark", to);
  const policies = service.policies.length > 0 ? [`jump ${named("policy", place)}`] : [];
  const rules = [...policies, ...inputLog(place), ...limits(place, SYN), ...before];
  enter(place, "dsr", chain(place, "farm", [...rules, ...choice(place, "meta mark", after), ...to]));
}
