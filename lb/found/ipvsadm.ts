// SPDX-License-Identifier: Apache-2.0
// What `ipvsadm-save -n` printed: services, destinations, and the same lines with the lab's addresses.
import type { Machine, Protocol, Topology } from "../../harness/api/index.ts";
import { inTheFile, type OwnIpvs, type ServiceWords } from "../ipvs/found.ts";
import { type FileOptions, wrongAt } from "./file.ts";
import { type FoundServer, type FoundService, type Layout, labAddress, layOut } from "./layout.ts";

interface Line {
  number: number;
  words: readonly string[];
}

export interface IpvsadmDump extends OwnIpvs {
  layout: Layout;
  services: readonly Line[];
  destinationLines: readonly Line[];
}

const FORWARD: Readonly<Record<string, ServiceWords["forward"]>> = { "-g": "dsr", "-i": "tun", "-m": "masq" };
const FLAGS: Readonly<Record<string, keyof Pick<ServiceWords, "port" | "fallback">>> = {
  "sh-port": "port",
  "mh-port": "port",
  "flag-2": "port",
  "sh-fallback": "fallback",
  "mh-fallback": "fallback",
  "flag-1": "fallback",
};
/** With a value. */
const KNOWN = { "-A": ["-t", "-u", "-s", "-p", "-b"], "-a": ["-t", "-u", "-r", "-w", "-x", "-y"] } as const;
const BARE = { "-A": ["-o"], "-a": ["-g", "-i", "-m"] } as const;

/** Throws UsageError that names the line. */
export function readIpvsadm(text: string, options: FileOptions, targets: number | null): IpvsadmDump {
  const { config: file = "" } = options;
  const lines = text
    .split("\n")
    .map((line, i) => ({ number: i + 1, words: line.trim().split(/\s+/) }))
    .filter(({ words: [first = ""] }) => first !== "" && !first.startsWith("#"));
  for (const line of lines) check(file, line);
  const heads = lines.filter(({ words: [verb] }) => verb === "-A");
  const destinationLines = lines.filter(({ words: [verb] }) => verb === "-a");
  const stray = destinationLines.find((one) => !heads.some((head) => serviceOf(head) === serviceOf(one)));
  if (stray) throw wrongAt(file, stray.number, `there is no service '${serviceOf(stray)}'`);
  const services = heads.map((head) => {
    const own = destinationLines.filter((one) => serviceOf(one) === serviceOf(head));
    return { ...foundService(file, head, own), words: wordsOf(head, own) };
  });
  const layout = layOut(options, services, targets);
  return { layout, services: heads, destinationLines, ...inTheFile(layout, services) };
}

const isOneOf = <T extends string>(list: readonly T[], word: string): word is T =>
  (list as readonly string[]).includes(word);

function check(file: string, { number, words }: Line): void {
  const [verb = ""] = words;
  if (verb !== "-A" && verb !== "-a") throw wrongAt(file, number, `'${verb}' is no line of ipvsadm-save`);
  for (let i = 1; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "-f") throw wrongAt(file, number, "'-f': the rules that set marks are not in this file");
    if (isOneOf(KNOWN[verb], word)) i++;
    else if (!isOneOf(BARE[verb], word))
      throw wrongAt(file, number, `'${word}': this is nothing that the lab knows of ipvsadm`);
  }
}

const after = ({ words }: Line, flag: string) => (words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined);
const serviceOf = ({ words }: Line) => words.slice(1, 3).join(" ");

function endpoint(file: string, line: Line, text: string): { host: string; port: number } {
  const [, bracketed, bare, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([\d.]+)):(\d+)$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  if (host === undefined)
    throw wrongAt(file, line.number, `'${text}' is no address and port in numbers: save with 'ipvsadm-save -n'`);
  return { host, port: Number(port) };
}

function foundService(file: string, head: Line, destinations: readonly Line[]): FoundService {
  const { host, port } = endpoint(file, head, head.words[2] ?? "");
  const servers = destinations.map((line): FoundServer => {
    const to = endpoint(file, line, after(line, "-r") ?? "");
    return { ...to, weight: Number(after(line, "-w") ?? 1), line: line.number };
  });
  const protocol: Protocol = head.words[1] === "-u" ? "udp" : "tcp";
  return { vip: host, port, protocol, line: head.number, servers };
}

function wordsOf(head: Line, destinations: readonly Line[]): ServiceWords {
  const ways = destinations.map(({ number, words }) => ({ number, way: words.find((word) => FORWARD[word]) ?? "-g" }));
  const other = ways.find(({ way }) => way !== ways[0]?.way) ?? ways[0];
  const flags = (after(head, "-b") ?? "").split(",").map((name) => FLAGS[name]);
  return {
    forward: FORWARD[other?.way ?? "-g"] ?? "dsr",
    forwardLine: other?.number ?? head.number,
    scheduler: after(head, "-s") ?? "wlc",
    schedulerLine: head.number,
    persistence: Number(after(head, "-p") ?? 0),
    ops: head.words.includes("-o"),
    port: flags.includes("port"),
    fallback: flags.includes("fallback"),
  };
}

/** For `ipvsadm -R`. Destinations of the targets `indices`, by a verb: "-a", "-d", or "-e" with the weight 0 or their own. */
export function destinationsText(
  { layout, destinationLines }: IpvsadmDump,
  lab: { topology: Topology; router: Machine },
  indices: readonly number[],
  { verb, drained = false }: { verb: "-a" | "-d" | "-e"; drained?: boolean },
): string {
  return destinationLines
    .filter((line) => indices.includes(layout.indexOf(endpoint(layout.file, line, after(line, "-r") ?? "").host) ?? -1))
    .map((line) => {
      const words = [verb, ...mapped(layout, lab, line).slice(1)];
      if (verb === "-d") return words.slice(0, 5);
      return drained ? words.map((word, i) => (words[i - 1] === "-w" ? "0" : word)) : words;
    })
    .map((words) => `${words.join(" ")}\n`)
    .join("");
}

export const servicesText = ({ layout, services }: IpvsadmDump, lab: { topology: Topology; router: Machine }): string =>
  services.map((line) => `${mapped(layout, lab, line).join(" ")}\n`).join("");

/** The service and the destination stand first, whatever their order was. */
function mapped(layout: Layout, { topology, router }: { topology: Topology; router: Machine }, line: Line): string[] {
  const written = (text: string) => {
    const { host, port } = endpoint(layout.file, line, text);
    const place = layout.placeOf.get(host);
    const address = place === undefined ? host : labAddress(host, place, topology, router);
    return `${address.includes(":") ? `[${address}]` : address}:${port}`;
  };
  const [verb = "", kind = "", service = "", ...rest] = line.words;
  const words = rest.map((word, i) => (rest[i - 1] === "-r" ? written(word) : word));
  return [verb, kind, written(service), ...words];
}
