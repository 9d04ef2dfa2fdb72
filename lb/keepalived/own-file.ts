// SPDX-License-Identifier: Apache-2.0
// keepalived.conf of somebody's own, its IPVS part: parsed, and written again in the same lines with the lab's addresses.
import type { Machine, Protocol, Topology } from "../../harness/api/index.ts";
import { parseBlocks, printBlocks, type Statement } from "../found/blocks.ts";
import { type FileOptions, readText, wrongAt } from "../found/file.ts";
import { type FoundServer, type FoundService, type Layout, labAddress, layOut } from "../found/layout.ts";
import { inTheFile, type OwnIpvs, type ServiceWords } from "../ipvs/found.ts";
import { KNOWN, LEFT_TO_THE_LAB, REFUSED } from "./own-words.ts";

export interface KeepalivedFile extends OwnIpvs {
  layout: Layout;
  statements: readonly Statement[];
  left: readonly Statement[];
  /** The longest time that a dead target may go unnoticed, in seconds. */
  longestS: number;
}

/** Throws UsageError that names the line. */
export function readKeepalived(options: FileOptions, targets: number | null): KeepalivedFile {
  const { config: file = "" } = options;
  const statements = parseBlocks(file, readText(file), "lines");
  const left = statements.filter(({ words: [first = ""] }) => LEFT_TO_THE_LAB.has(first));
  const virtual = statements.filter((one) => !left.includes(one));
  for (const one of virtual) {
    const [first = ""] = one.words;
    if (first === "virtual_server") refuse(file, one);
    else
      throw wrongAt(
        file,
        one.line,
        `'${first}': ${REFUSED[first] ?? "this is nothing that the lab knows of keepalived"}`,
      );
  }
  const services = virtual.map((one) => ({ ...serviceOf(file, one), words: wordsOf(file, one) }));
  const layout = layOut(options, services, targets);
  return {
    layout,
    statements,
    left,
    longestS: Math.max(...virtual.map(longest)),
    ...inTheFile(layout, services),
  };
}

function refuse(file: string, { words: [head = "", ...rest], line, block }: Statement): void {
  if (head === "virtual_server" && (rest[0] === "group" || rest[0] === "fwmark"))
    throw wrongAt(file, line, `'virtual_server ${rest[0]}': ${REFUSED.virtual_server_group}`);
  for (const one of block ?? []) {
    const [first = ""] = one.words;
    const why =
      REFUSED[first] ?? (KNOWN[head]?.has(first) ? undefined : `this is nothing that the lab knows of ${head}`);
    if (why) throw wrongAt(file, one.line, `'${first}': ${why}`);
    if (one.words.some((word) => /^[$@~]|\$\{|\$</.test(word)))
      throw wrongAt(file, one.line, `'${one.words.join(" ")}': definitions and conditions are not read`);
    refuse(file, one);
  }
}

const find = ({ block }: Statement, ...names: string[]) =>
  block?.findLast(({ words: [first = ""] }) => names.includes(first));
const numberOf = (one: Statement, name: string, otherwise: number) => Number(find(one, name)?.words[1] ?? otherwise);

function serviceOf(file: string, one: Statement): FoundService {
  const [, vip = "", port] = one.words;
  if (port === undefined) throw wrongAt(file, one.line, `'virtual_server ${vip}' has no port`);
  const protocol = (find(one, "protocol")?.words[1] ?? "TCP").toLowerCase();
  if (protocol !== "tcp" && protocol !== "udp")
    throw wrongAt(
      file,
      find(one, "protocol")?.line ?? one.line,
      `the lab's clients speak TCP and UDP, not ${protocol}`,
    );
  const common = numberOf(one, "weight", 1);
  const servers = (one.block ?? [])
    .filter(({ words: [first] }) => first === "real_server")
    .map((server): FoundServer => {
      const [, host = "", at] = server.words;
      const checked = server.block?.flatMap((check) => find(check, "connect_port") ?? []) ?? [];
      const other = checked.find(({ words: [, to] }) => to !== (at ?? port));
      if (other)
        throw wrongAt(file, other.line, `'${other.words.join(" ")}': targets listen at the port of their service`);
      return {
        host,
        port: at === undefined ? null : Number(at),
        weight: numberOf(server, "weight", common),
        line: server.line,
      };
    });
  return { vip, port: Number(port), protocol: protocol as Protocol, line: one.line, servers };
}

const KINDS: Readonly<Record<string, ServiceWords["forward"]>> = { DR: "dsr", NAT: "masq", TUN: "tun" };

function wordsOf(file: string, one: Statement): ServiceWords {
  const kind = find(one, "lb_kind", "lvs_method") ?? { line: one.line, words: ["lb_kind", "NAT"] };
  const forward = KINDS[kind.words[1] ?? ""];
  if (!forward || kind.words.length > 2)
    throw wrongAt(file, kind.line, `'${kind.words.join(" ")}': the lab knows DR, NAT and TUN`);
  const scheduler = find(one, "lb_algo", "lvs_sched") ?? { line: one.line, words: ["lb_algo", "wlc"] };
  const persistence = find(one, "persistence_timeout");
  const has = (...names: string[]) => find(one, ...names) !== undefined;
  return {
    forward,
    forwardLine: kind.line,
    scheduler: scheduler.words[1] ?? "",
    schedulerLine: scheduler.line,
    // Without a number: six minutes.
    persistence: persistence ? Number(persistence.words[1] ?? 360) : 0,
    ops: has("ops"),
    port: has("sh-port", "mh-port", "flag-2"),
    fallback: has("sh-fallback", "mh-fallback", "flag-1"),
  };
}

/** As of `longestS` of the lab's own configuration, with keepalived's defaults. */
function longest(one: Statement): number {
  const checks = (one.block ?? []).flatMap(
    ({ block }) => block?.filter(({ words: [first] }) => first === "TCP_CHECK") ?? [],
  );
  const value = (check: Statement, name: string, otherwise: number) =>
    numberOf(check, name, numberOf(one, name, otherwise));
  const each = checks.map((check) => {
    const retries = value(check, "retry", 1);
    return (
      value(check, "delay_loop", 60) +
      (retries + 1) * value(check, "connect_timeout", 5) +
      retries * value(check, "delay_before_retry", 1)
    );
  });
  return Math.max(0, ...each);
}

/** With the lab's addresses, in the same lines. Targets in `out` are taken out; those that are `drained` have weight 0 instead. */
export function keepalivedText(
  { layout, statements, left }: KeepalivedFile,
  { topology, router }: { topology: Topology; router: Machine },
  { out, drained }: { out: readonly number[]; drained: readonly number[] },
): string {
  const mapped = (host: string) => {
    const place = layout.placeOf.get(host);
    return place === undefined ? host : labAddress(host, place, topology, router);
  };
  const rewrite = (one: Statement): Statement[] => {
    const [first = "", host = "", ...rest] = one.words;
    if (left.includes(one)) return [];
    const words = [first, mapped(host), ...rest];
    if (first === "virtual_server") return [{ ...one, words, block: one.block?.flatMap(rewrite) ?? null }];
    if (first !== "real_server") return [one];
    const index = layout.indexOf(host) ?? -1;
    if (!out.includes(index)) return [{ ...one, words }];
    if (!drained.includes(index)) return [];
    const block = (one.block ?? []).filter(({ words: [name] }) => name !== "weight");
    return [{ ...one, words, block: [{ line: one.line, words: ["weight", "0"], block: null }, ...block] }];
  };
  return printBlocks(statements.flatMap(rewrite), "lines");
}
