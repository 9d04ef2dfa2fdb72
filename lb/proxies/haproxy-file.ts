// SPDX-License-Identifier: Apache-2.0
// haproxy.cfg of somebody's own: read line by line, and written again in the same lines with the lab's addresses.
import type { Machine, Topology } from "../../harness/api/index.ts";
import { type FileOptions, readText, wrongAt } from "../found/file.ts";
import { type FoundServer, type FoundService, type Layout, labAddress, layOut } from "../found/layout.ts";
import { LEFT_TO_THE_LAB, REFUSED, REFUSED_ON_A_LINE, refusedSection } from "./haproxy-words.ts";

interface Line {
  number: number;
  text: string;
  words: readonly string[];
}

interface Section {
  kind: string;
  name: string;
  head: Line;
  lines: Line[];
}

export interface HaproxyFile {
  layout: Layout;
  lines: readonly Line[];
  /** Lines that the lab does without: what it owns itself. */
  left: readonly Line[];
  /** The file has an admin socket, and so the lab one in its place. */
  hasSocket: boolean;
  balance: string;
  /** More than the balance algorithm decides: no share can be predicted. */
  isUneven: boolean;
  /** "backend/server", by target. */
  serversOf: ReadonlyMap<number, readonly string[]>;
}

const PROXIES = ["frontend", "backend", "listen"];
const SECTIONS = [...PROXIES, "global", "defaults", "userlist", "cache", "http-errors"];

/** Throws UsageError that names the line. */
export function readHaproxy(options: FileOptions, targets: number | null): HaproxyFile {
  const { config: file = "" } = options;
  const lines = readText(file)
    .split("\n")
    .map((text, i): Line => ({ number: i + 1, text, words: wordsOf(text) }));
  const sections = sectionsOf(file, lines);
  const left = sections.flatMap((section) => (isStatsPage(section) ? wholeOf(section) : leftOf(section)));
  const served = sections.filter((section) => !isStatsPage(section));
  for (const section of served) refuse(file, section, modeOf(section, sections));
  const services = served.flatMap((section) => servicesOf(file, section, served));
  const layout = layOut(options, services, targets);
  const socket = lines.find(({ words }) => words[0] === "stats" && words[1] === "socket");
  const backend = layout.chosen("tcp")[0];
  const used = served.find(({ lines: own }) => own.some(({ number }) => number === backend?.servers[0]?.line));
  return {
    layout,
    lines,
    left,
    hasSocket: socket?.words.join(" ").includes("level admin") ?? false,
    balance: (used && ownOrDefault(used, sections, "balance"))?.words[1] ?? "roundrobin",
    isUneven: served.some(({ lines: own }) => own.some(isUneven)),
    serversOf: namesByTarget(served, layout),
  };
}

/** Quotes and backslashes keep blanks together; what is in quotes stays as it is. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'#\\])+|#.*/g) ?? [];
  const comment = words.findIndex((word) => word.startsWith("#"));
  return comment < 0 ? words : words.slice(0, comment);
}

function sectionsOf(file: string, lines: readonly Line[]): Section[] {
  const sections: Section[] = [];
  for (const line of lines) {
    const [first = "", name = ""] = line.words;
    const why = refusedSection(first);
    if (why) throw wrongAt(file, line.number, `section '${first}': ${why}`);
    if (SECTIONS.includes(first)) sections.push({ kind: first, name, head: line, lines: [] });
    else if (first !== "" && sections.length === 0)
      throw wrongAt(file, line.number, `'${first}' stands before any section`);
    else if (first !== "") sections.at(-1)?.lines.push(line);
  }
  return sections;
}

const has = ({ lines }: Section, ...names: string[]) => lines.some(({ words }) => names.includes(words[0] ?? ""));

/** haproxy's own page, behind which there are no servers. */
const isStatsPage = (section: Section) =>
  PROXIES.includes(section.kind) && has(section, "stats") && !has(section, "server", "default_backend", "use_backend");

const wholeOf = ({ head, lines }: Section) => [head, ...lines];

function leftOf({ kind, lines }: Section): Line[] {
  const names = LEFT_TO_THE_LAB[kind === "global" ? "global" : "proxies"];
  return lines.filter(({ words: [first = ""] }) => names.has(first));
}

/** In the section itself, else in the defaults above it. */
function ownOrDefault(section: Section, sections: readonly Section[], name: string): Line | undefined {
  const defaults = sections
    .slice(0, sections.indexOf(section))
    .filter(({ kind }) => kind === "defaults")
    .at(-1);
  const find = (of: Section | undefined) => of?.lines.findLast(({ words }) => words[0] === name);
  return find(section) ?? find(defaults);
}

function modeOf(section: Section, sections: readonly Section[]): Line | undefined {
  return PROXIES.includes(section.kind) ? ownOrDefault(section, sections, "mode") : undefined;
}

function refuse(file: string, { kind, lines }: Section, mode: Line | undefined): void {
  if (mode && mode.words[1] !== "tcp")
    throw wrongAt(file, mode.number, `'mode ${mode.words[1]}' is not what the lab's clients speak: only mode tcp`);
  for (const { words, number } of lines) {
    const [first = "", second = ""] = words;
    if (words.some((word) => /^"[\s\S]*\$|^\$\{?\w/.test(word)))
      throw wrongAt(file, number, "environment variables are not known in the lab");
    const why = REFUSED[first] ?? REFUSED[`${first} ${second}`];
    if (why && kind !== "userlist")
      throw wrongAt(file, number, `'${REFUSED[first] ? first : `${first} ${second}`}': ${why}`);
    const on = REFUSED_ON_A_LINE[first];
    const word = on && words.slice(2).find((one) => on[one]);
    if (word) throw wrongAt(file, number, `'${word}' in '${first}': ${on?.[word]}`);
  }
}

/** Every address and port of its binds, with the servers behind it. */
function servicesOf(file: string, section: Section, all: readonly Section[]): FoundService[] {
  if (section.kind === "backend" || !PROXIES.includes(section.kind)) return [];
  const servers = backendsOf(file, section, all).flatMap((backend) => serversIn(file, backend, all));
  return bindsOf(file, section).map(({ host, port, line }) => ({ vip: host, port, protocol: "tcp", line, servers }));
}

function backendsOf(file: string, section: Section, all: readonly Section[]): Section[] {
  const names = section.lines.filter(({ words: [first = ""] }) => ["default_backend", "use_backend"].includes(first));
  const found = names.map(({ words, number }) => {
    const backend = all.find(({ kind, name }) => kind === "backend" && name === words[1]);
    if (!backend) throw wrongAt(file, number, `there is no backend '${words[1]}'`);
    return backend;
  });
  return section.kind === "listen" ? [section, ...found] : found;
}

function serversIn(file: string, backend: Section, all: readonly Section[]): FoundServer[] {
  const inherited = weightIn(ownOrDefault(backend, all, "default-server")?.words ?? []) ?? 1;
  return backend.lines
    .filter(({ words }) => words[0] === "server")
    .map(({ words, number: line }) => {
      const { host, port } = endpoint(file, words[2] ?? "", line);
      return { host, port, weight: weightIn(words) ?? inherited, line };
    });
}

function weightIn(words: readonly string[]): number | undefined {
  const at = words.indexOf("weight");
  return at < 0 ? undefined : Number(words[at + 1]);
}

function bindsOf(file: string, { lines }: Section) {
  return lines
    .filter(({ words }) => words[0] === "bind")
    .flatMap(({ words, number: line }) =>
      (words[1] ?? "").split(",").map((text) => {
        const { host, port } = endpoint(file, text, line);
        if (port === null) throw wrongAt(file, line, `'bind ${text}' has no port`);
        return { host, port, line };
      }),
    );
}

/** "203.0.113.10:443", "[2001:db8::1]:443", ":443", "web1:8080-8081". */
function endpoint(file: string, text: string, line: number): { host: string; port: number | null } {
  const found = /^(?:\[([0-9a-fA-F:.]*)\]|([0-9a-fA-F:]*:[0-9a-fA-F:]*(?=:)|[^:@/]*))(?::(\d+)(?:-\d+)?)?$/.exec(text);
  if (!found) throw wrongAt(file, line, `'${text}' is no address and port`);
  const [, bracketed, bare, port] = found;
  return { host: bracketed ?? (bare === "" ? "*" : (bare ?? "")), port: port === undefined ? null : Number(port) };
}

const isUneven = ({ words }: Line) =>
  ["use_backend", "stick", "stick-table", "use-server", "cookie"].includes(words[0] ?? "") ||
  (words[0] === "server" && words.includes("backup"));

function namesByTarget(sections: readonly Section[], { indexOf, file }: Layout): Map<number, string[]> {
  const names = new Map<number, string[]>();
  for (const { name, lines } of sections)
    for (const { words, number } of lines.filter((line) => line.words[0] === "server")) {
      const index = indexOf(endpoint(file, words[2] ?? "", number).host) ?? 0;
      names.set(index, [...(names.get(index) ?? []), `${name}/${words[1]}`]);
    }
  return names;
}

/** With the lab's addresses, in the same lines. `without` are targets whose servers are taken out. */
export function haproxyText(
  { layout, lines, left, hasSocket }: HaproxyFile,
  { topology, router, socket }: { topology: Topology; router: Machine; socket: string },
  without: readonly number[] = [],
): string {
  const mapped = (text: string, number: number) => {
    const { host, port } = endpoint(layout.file, text, number);
    const place = layout.placeOf.get(host);
    const address = place === undefined ? host : labAddress(host, place, topology, router);
    const written = address.includes(":") ? `[${address}]` : address;
    return port === null ? written : `${written}${text.slice(text.lastIndexOf(":"))}`;
  };
  const own = lines.map((line) => {
    const { words, text, number } = line;
    if (left.includes(line)) return "";
    if (words[0] === "bind")
      return [
        "bind",
        (words[1] ?? "")
          .split(",")
          .map((one) => mapped(one, number))
          .join(","),
        ...words.slice(2),
      ].join(" ");
    if (words[0] !== "server") return text;
    const index = layout.indexOf(endpoint(layout.file, words[2] ?? "", number).host) ?? 0;
    return without.includes(index)
      ? ""
      : [...words.slice(0, 2), mapped(words[2] ?? "", number), ...words.slice(3)].join(" ");
  });
  // More connections than there are files for are the file's own fault, and no reason not to start.
  const ours = [
    "global",
    "  no strict-limits",
    ...(hasSocket ? [`  stats socket ${socket} mode 600 level admin`] : []),
  ];
  return `${[...own, ...ours].join("\n")}\n`;
}
