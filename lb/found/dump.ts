// SPDX-License-Identifier: Apache-2.0
// A dump of somebody's rules: which tool printed it, what the VIP and the targets in it are, and its text for the lab.
import { type Protocol, type Served, UsageError } from "../../harness/api/index.ts";
import { type FileOptions, readText } from "./file.ts";
import { readIptables } from "./iptables-dump.ts";
import { type IpvsadmDump, readIpvsadm } from "./ipvsadm.ts";
import { type FoundService, familyOf, type Layout, layOut } from "./layout.ts";
import { readNft } from "./nft-dump.ts";
import type { Rules } from "./rules.ts";
import { type Lab, mapped } from "./scan.ts";

export interface DumpOptions extends FileOptions {
  config: string;
  vip?: string | undefined;
  targets?: string | undefined;
}

export interface RulesDump {
  format: "iptables" | "nft";
  file: string;
  family: 4 | 6;
  rules: Rules;
  served: Served;
  /** With the lab's addresses, without the targets `out` (indices), in the same lines. */
  text(lab: Lab, out: readonly number[]): string;
}
export type Dump = { format: "ipvsadm"; file: IpvsadmDump; served: Served } | RulesDump;

/** Throws UsageError that names the line. */
export function readDump(options: DumpOptions, targets: number | null): Dump {
  const text = readText(options.config);
  const format = formatOf(options.config, text);
  if (format === "ipvsadm") {
    if (options.vip !== undefined || options.targets !== undefined)
      throw new UsageError(
        "An ipvsadm dump says itself what the VIP and the targets are. Leave out vip and targets, or use map.",
      );
    const file = readIpvsadm(text, options, targets);
    return { format, file, served: file.layout.served };
  }
  const rules = (format === "nft" ? readNft : readIptables)(options.config, text);
  const named = namedIn(options);
  const services = servicesOf(options, rules, named);
  const { layout, hosts } = laidOut(options, services, targets, named);
  const fixed = fixedBy(rules, layout);
  return {
    format,
    file: options.config,
    family: familyOf(named.vips[0] ?? ""),
    rules,
    served: {
      ...layout.served,
      ...(services.some(({ port }) => port === 0) ? { ports: {} } : {}),
      ...(fixed === null ? {} : { fixed: `${fixed} Its targets stay as they are: try another scenario.` }),
    },
    text(lab, out) {
      const gone = hosts.filter((host) => out.includes(layout.indexOf(host) ?? -1));
      const reduced = ([4, 6] as const).reduce((so, family) => {
        const own = hosts.filter((host) => familyOf(host) === family);
        return own.length === 0
          ? so
          : (format === "nft" ? readNft : readIptables)(options.config, so).without(own, gone);
      }, text);
      return mapped(reduced, { layout, format, map: options.map }, lab);
    },
  };
}

function formatOf(file: string, text: string): "ipvsadm" | "iptables" | "nft" {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("#"));
  if (/^\s*-[Aa] -[tuf] /.test(lines[0] ?? "")) return "ipvsadm";
  if (lines.some((line) => /^\*(?:nat|filter|mangle|raw|security)\s*$/.test(line))) return "iptables";
  if (lines.some((line) => /^\s*table \w+ \S+ \{/.test(line))) return "nft";
  throw new UsageError(
    `'${file}' is no output of ipvsadm-save -n, iptables-save, ip6tables-save or nft list ruleset that the lab knows.`,
  );
}

interface Named {
  vips: readonly string[];
  servers: readonly { host: string; port: number | null }[];
}

function namedIn({ vip, targets, config }: DumpOptions): Named {
  if (vip === undefined || targets === undefined)
    throw new UsageError(
      `Rules do not say what their VIP is: name it and the targets in '${config}' with --set vip=... and --set targets=a,b,c.`,
    );
  const servers = targets.split(",").map((text) => {
    const [, bracketed, bare, port] =
      /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*))(?::(\d+))?$/.exec(text) ?? [];
    const host = bracketed ?? bare;
    if (host === undefined)
      throw new UsageError(`Invalid value '${text}' in --set targets: expected an address, or '10.1.0.7:8080'.`);
    return { host, port: port === undefined ? null : Number(port) };
  });
  return { vips: vip.split(","), servers };
}

/** One for each VIP and protocol that a rule takes; port 0: every port. */
function servicesOf({ config, servicePort }: DumpOptions, rules: Rules, { vips, servers }: Named): FoundService[] {
  const services = vips.flatMap((vip) =>
    (["tcp", "udp"] as const).flatMap((protocol: Protocol): FoundService[] => {
      const own = servers.filter(({ host }) => familyOf(host) === familyOf(vip));
      const found = rules.portFor({ vip, protocol, hosts: own.map(({ host }) => host) });
      if (!found) return [];
      const listed = own.map(({ host, port }) => ({
        host,
        port: port ?? found.targets.get(host) ?? null,
        weight: 1,
        line: 1,
      }));
      return [{ vip, port: servicePort ?? found.vip ?? 0, protocol, line: 1, servers: listed }];
    }),
  );
  const lost = vips.find((vip) => !services.some((one) => one.vip === vip));
  if (lost !== undefined) throw new UsageError(`No rule of '${config}' takes connections to ${lost}.`);
  return services;
}

function laidOut(options: DumpOptions, services: readonly FoundService[], targets: number | null, named: Named) {
  const hosts = named.servers.map(({ host }) => host);
  const text = readText(options.config);
  const missing = [...named.vips, ...hosts].find((host) => !text.includes(host));
  if (missing !== undefined) throw new UsageError(`'${options.config}' does not mention ${missing}.`);
  return { layout: layOut(options, services, targets), hosts };
}

function fixedBy(rules: Rules, layout: Layout): string | null {
  const [protocol = "tcp"] = layout.served.protocols;
  const reasons = layout.chosen(protocol).map(({ servers }) => rules.unclear(servers.map(({ host }) => host)));
  return reasons.find((reason) => reason !== null) ?? null;
}
