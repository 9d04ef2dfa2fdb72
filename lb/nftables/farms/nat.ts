// SPDX-License-Identifier: Apache-2.0
// Modes snat, dnat and local, where conntrack remembers. Pure.
import { backendLimits, limits } from "./limits.ts";
import { choice, memory } from "./memory.ts";
import { portDraw, portsOf } from "./ports.ts";
import {
  addressType,
  chain,
  consequence,
  enter,
  hex,
  INET,
  inputLog,
  ip,
  isMarked,
  limitOver,
  logRule,
  MANY,
  named,
  type Place,
  set,
} from "./words.ts";

const PORTED = "meta l4proto { tcp, udp, sctp }";

/** Modes snat, dnat and local: conntrack remembers. */
export function natRules(place: Place): void {
  const { service, family } = place;
  const { farm } = service;
  const rules = [...inputLog(place), ...limits(place, "")];
  if (farm.mode !== "local") {
    const to = translations(place);
    const { before, after } = memory(place, "ct mark", to);
    rules.push(...helper(place), ...before, ...choice(place, "ct mark", after));
    if (isMarked(place)) rules.push("meta mark set ct mark");
    rules.push(...backendLimits(place), ...to);
  }
  // Chains of type nat are asked only where a rule has brought conntrack along.
  if (farm.mode === "local" && rules.length > 0) rules.unshift("ct state new continue");
  const name = chain(place, "farm", rules);
  if (rules.length > 0) enter(place, "choice", name);
  if (farm["intra-connect"] && farm.mode !== "local") enter(place, "intra", name);
  sourceRules(place);
  perPacket(place);
  if (farm.mode === "local")
    place.fragment.sources.push(
      new Map(
        service.targets.flatMap(({ backend, mark }) => {
          const source = backend["source-addr"] ?? farm["source-addr"];
          return source === undefined || family !== 4 + 2 * Number(source.includes(":")) ? [] : [[hex(mark), source]];
        }),
      ),
    );
}

function translations(place: Place): string[] {
  const { service, family } = place;
  const type = addressType(family);
  const toAddress = `dnat ${ip(family)} to`;
  const many = service.targets.filter((target) => portsOf(target.backend).length > 1);
  const ported = service.targets.filter((target) => portsOf(target.backend).length === 1);
  const plain = service.targets.filter((target) => portsOf(target.backend).length === 0);
  const rules: string[] = [];
  if (many.length > 0) {
    // A chain for each, as each takes turns of its own: with a common counter turns of targets and of ports would coincide.
    const elements = many.map((target) => {
      const rule = `${PORTED} ${toAddress} ${target.ip} : ${portDraw(place, target)}`;
      return [hex(target.mark), `goto ${chain(place, `ports-${target.backend.name}`, [rule])}`] as const;
    });
    rules.push(`ct mark vmap @${set(place, "many", ["type mark : verdict"], new Map(elements))}`);
  }
  if (ported.length > 0) {
    const elements = ported.map(
      (target) => [hex(target.mark), `${target.ip} . ${portsOf(target.backend)[0]}`] as const,
    );
    const name = set(place, "ports", [`type mark : ${type} . inet_service`], new Map(elements));
    rules.push(`${PORTED} ${toAddress} ct mark map @${name}`);
  }
  if (plain.length > 0) {
    const name = set(place, "to", [`type mark : ${type}`], new Map(plain.map(({ mark, ip: to }) => [hex(mark), to])));
    rules.push(`${toAddress} ct mark map @${name}`);
  }
  return rules;
}

const HELPERS = { ftp: "tcp", pptp: "tcp", sip: "", snmp: "udp", tftp: "udp" } as const;

function helper({ service: { farm }, fragment }: Place): string[] {
  if (farm.helper === "none") return [];
  const fixed = HELPERS[farm.helper];
  const protocols =
    fixed !== "" ? [fixed] : farm.protocol === "tcp" ? ["tcp"] : farm.protocol === "udp" ? ["udp"] : ["tcp", "udp"];
  return protocols.map((protocol) => {
    const name = `${farm.helper}-${protocol}`;
    fragment.parts.set(`${INET} ${name}`, { kind: "ct helper", spec: [`type "${farm.helper}" protocol ${protocol}`] });
    return `meta l4proto ${protocol} ct helper set "${name}"`;
  });
}

/** Mode snat: the source that backends see. */
function sourceRules(place: Place): void {
  const { service, family, fragment } = place;
  const { farm } = service;
  if (farm.mode !== "snat") return;
  const isOwn = (address: string | undefined) => address !== undefined && address.includes(":") === (family === 6);
  const own = service.targets.filter(({ backend }) => isOwn(backend["source-addr"]));
  const rules: string[] = [];
  if (own.length > 0) {
    const name = named("sources", place);
    fragment.parts.set(`${INET} ${name}`, {
      kind: "map",
      spec: [`type mark : ${addressType(family)}`],
      elements: new Map(own.map(({ mark, backend }) => [hex(mark), backend["source-addr"] as string])),
    });
    rules.push(`snat ${ip(family)} to ct mark map @${name}`);
  }
  const { masquerade } = place.options;
  rules.push(...(isOwn(farm["source-addr"]) ? [`snat ${ip(family)} to ${farm["source-addr"]}`] : masquerade));
  enter(place, "source", chain(place, "source", rules));
}

/** Only farms that ask for any of this are looked up for each packet. */
function perPacket(place: Place): void {
  const { service, family, fragment } = place;
  const { farm } = service;
  const over = (kind: string, prefix: string | undefined) =>
    consequence(place, {
      chain: named(`over-${kind}`, place),
      table: INET,
      prefix: prefix ?? "KNAME-FNAME ",
      words: { KNAME: kind },
      verdict: farm.verdict.includes("drop") ? "drop" : "",
    });
  const rules: string[] = [];
  if (farm["tcp-strict"]) rules.push(`ct state invalid ${over("tcp-strict", farm["tcp-strict-log-prefix"])}`);
  if (farm["rst-rtlimit"].count > 0) {
    const name = named("reset", place);
    fragment.parts.set(`${INET} ${name}`, {
      kind: "set",
      spec: [`type ${addressType(family)}`, MANY, "flags dynamic,timeout", `timeout ${farm["limits-ttl"]}s`],
      elements: new Map(),
    });
    const limit = limitOver(farm["rst-rtlimit"], farm["rst-rtlimit-burst"]);
    rules.push(
      `tcp flags rst add @${name} { ${ip(family)} saddr ${limit} } ${over("rst-rtlimit", farm["rst-rtlimit-log-prefix"])}`,
    );
  }
  if (farm.queue >= 0) rules.push(`ct state new counter queue flags bypass to ${farm.queue}`);
  if (isMarked(place)) rules.push("ct mark != 0 meta mark set ct mark");
  if (rules.length > 0) enter(place, "filter", chain(place, "filter", rules));
  const prefix = farm["log-prefix"] ?? "TYPE-FNAME ";
  const forward = [
    ...(farm.log.includes("forward") ? [logRule(place, prefix, { TYPE: "FWD" })] : []),
    ...(farm["flow-offload"] ? ["counter flow add @flows"] : []),
  ];
  if (forward.length > 0) enter(place, "forward", chain(place, "forward", forward));
  if (farm.log.includes("output"))
    enter(place, "sent", chain(place, "sent", [logRule(place, prefix, { TYPE: "OUT" })]));
}
