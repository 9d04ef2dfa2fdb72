// SPDX-License-Identifier: Apache-2.0
// nginx.conf of somebody's own, its stream part: parsed, and written again in the same lines with the lab's addresses.
import { type Machine, type Protocol, type Topology, UsageError } from "../../harness/api/index.ts";
import { parseBlocks, printBlocks, type Statement } from "../found/blocks.ts";
import { type FileOptions, readText, wrongAt } from "../found/file.ts";
import { type FoundServer, type FoundService, type Layout, labAddress, layOut } from "../found/layout.ts";
import { FIXED, KNOWN, LEFT_TO_THE_LAB, REFUSED, REFUSED_PARAMETERS } from "./nginx-words.ts";

export interface NginxFile {
  layout: Layout;
  statements: readonly Statement[];
  /** What the lab owns itself. */
  left: readonly Statement[];
  /** Of the upstream that connections go to: "least_conn", "hash $remote_addr"; "" is in turn. */
  method: (protocol: Protocol) => string;
  /** More than the method decides: no share can be predicted. */
  isUneven: boolean;
  /** Processes; null: one for each processor. */
  workers: number | null;
}

/** Throws UsageError that names the line. */
export function readNginx(options: FileOptions, targets: number | null): NginxFile {
  const { config: file = "" } = options;
  const statements = parseBlocks(file, readText(file), "semicolons");
  const stream = statements.find(({ words: [first] }) => first === "stream")?.block;
  for (const statement of statements) refuse(file, statement, "main");
  if (!stream) throw new UsageError(`'${file}' has no stream block: nothing in it balances connections.`);
  const left = [...statements, ...stream, ...stream.flatMap(({ block }) => block ?? [])].filter(isLeft);
  const upstreams = new Map(named(stream, "upstream").map((one) => [one.words[1] ?? "", one]));
  const listening = named(stream, "server");
  const services = listening.flatMap((server) => servicesOf(file, server, upstreams));
  const layout = layOut(options, services, targets);
  const workers = statements.find(({ words: [first] }) => first === "worker_processes")?.words[1] ?? "1";
  return {
    layout,
    statements,
    left,
    method: (protocol) => {
      const [line] = layout.chosen(protocol)[0]?.servers ?? [];
      const used = [...upstreams.values()].find(({ block }) => block?.some((one) => one.line === line?.line));
      const found = used?.block?.find(({ words: [first = ""] }) => METHODS.includes(first));
      return found?.words.join(" ") ?? "";
    },
    isUneven: [...upstreams.values()].some(({ block }) => block?.some(({ words }) => words.includes("backup"))),
    workers: workers === "auto" ? null : Number(workers),
  };
}

const METHODS = ["least_conn", "hash", "random", "least_time"];
const named = (block: readonly Statement[], name: string) => block.filter(({ words: [first] }) => first === name);
const isLeft = ({ words: [first = "", second = ""] }: Statement) =>
  LEFT_TO_THE_LAB.has(first) || (first === "include" && /modules/.test(second));

type Where = keyof typeof KNOWN;

function refuse(file: string, statement: Statement, where: Where): void {
  const { words, line, block } = statement;
  const [first = ""] = words;
  if (isLeft(statement)) return;
  const why = REFUSED[first];
  if (why) throw wrongAt(file, line, `'${first}': ${why}`);
  if (!KNOWN[where].has(first))
    throw wrongAt(file, line, `'${first}' is nothing that the lab knows of nginx' ${where}`);
  const parameter = words.slice(1).find((word) => REFUSED_PARAMETERS[word] ?? (word === "down" && first === "server"));
  if (parameter) throw wrongAt(file, line, `'${parameter}' in '${first}': ${REFUSED_PARAMETERS[parameter] ?? FIXED}`);
  const inner = { stream: "stream", upstream: "upstream", server: "server" } as const;
  const next = inner[first as keyof typeof inner];
  for (const one of (next && block) ?? []) refuse(file, one, next);
}

function servicesOf(file: string, server: Statement, upstreams: ReadonlyMap<string, Statement>): FoundService[] {
  const { line: at, block } = server;
  const pass = block?.find(({ words: [first] }) => first === "proxy_pass");
  if (!block || !pass) throw wrongAt(file, at, "this server has no proxy_pass");
  const [, to = ""] = pass.words;
  if (to.includes("$")) throw wrongAt(file, pass.line, `'proxy_pass ${to}': which servers that are cannot be known`);
  const upstream = upstreams.get(to);
  if (!upstream)
    throw wrongAt(file, pass.line, `'proxy_pass ${to}': there is no upstream '${to}', so nothing is balanced`);
  const servers = serversOf(file, upstream);
  return named(block, "listen").map(({ words, line }) => {
    const { host, port } = endpoint(file, words[1] ?? "", line, "*");
    if (port === null) throw wrongAt(file, line, `'listen ${words[1]}' has no port`);
    return { vip: host, port, protocol: words.includes("udp") ? "udp" : "tcp", line, servers };
  });
}

const serversOf = (file: string, { block }: Statement): FoundServer[] =>
  named(block ?? [], "server").map(({ words, line }) => serverIn(file, words, line));

function serverIn(file: string, words: readonly string[], line: number): FoundServer {
  const { host, port } = endpoint(file, words[1] ?? "", line, "");
  if (port === null || host === "") throw wrongAt(file, line, `'${words[1]}' is no address with a port`);
  const weight = words.find((word) => word.startsWith("weight="))?.slice("weight=".length);
  return { host, port, weight: Number(weight ?? 1), line };
}

/** "203.0.113.10:443", "[2001:db8::1]:443", "443", "web1:8080". `any` stands for no address. */
function endpoint(file: string, text: string, line: number, any: string): { host: string; port: number | null } {
  const bare = /^(\d+)$/.exec(text);
  if (bare && any !== "") return { host: any, port: Number(bare[1]) };
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d+)$/.exec(text);
  if (!found || text.startsWith("unix")) throw wrongAt(file, line, `'${text}' is no address with a port`);
  return { host: found[1] ?? found[2] ?? "", port: Number(found[3]) };
}

/** With the lab's addresses, in the same lines; `head` is the lab's own. `without` are targets whose servers are taken out. */
export function nginxText(
  { layout, statements, left }: NginxFile,
  { topology, router, head }: { topology: Topology; router: Machine; head: readonly string[] },
  without: readonly number[] = [],
): string {
  const mapped = (text: string, line: number, any: string) => {
    const { host, port } = endpoint(layout.file, text, line, any);
    const place = layout.placeOf.get(host);
    const address = place === undefined ? host : labAddress(host, place, topology, router);
    return `${address.includes(":") ? `[${address}]` : address}:${port}`;
  };
  const isOut = ({ words: [, text = ""], line }: Statement) =>
    without.includes(layout.indexOf(endpoint(layout.file, text, line, "").host) ?? -1);
  const rewrite = (statement: Statement): Statement[] => {
    const { words, line, block } = statement;
    const [first = "", second = ""] = words;
    if (left.includes(statement)) return [];
    if (first === "listen") return [{ ...statement, words: ["listen", mapped(second, line, "*"), ...words.slice(2)] }];
    if (first === "server" && block === null)
      return [{ ...statement, words: ["server", mapped(second, line, ""), ...words.slice(2)] }];
    if (first === "upstream" && block) return [{ ...statement, block: withoutServers(block, isOut).flatMap(rewrite) }];
    return [{ ...statement, block: block?.flatMap(rewrite) ?? null }];
  };
  return `${head.join(" ")} ${printBlocks(statements.flatMap(rewrite), "semicolons")}`;
}

/** An upstream must have a server: where none is in use all are there, and down. */
function withoutServers(block: readonly Statement[], isOut: (server: Statement) => boolean): Statement[] {
  const servers = named(block, "server");
  if (!servers.every(isOut)) return block.filter((one) => !servers.includes(one) || !isOut(one));
  return block.map((one) => (servers.includes(one) ? { ...one, words: [...one.words, "down"] } : one));
}
