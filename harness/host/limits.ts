// SPDX-License-Identifier: Apache-2.0
// What of this machine's kernel very many connections come up against, and the command that raises it.
import { readFile } from "node:fs/promises";
import { count, plural } from "../util/numbers.ts";

/** Both ends of a TCP connection with their files, at rest, and those that targets keep of what was lost to others: measured, see docs/million.md. */
const BYTES_PER_CONNECTION = 11 * 1024;
/** One process opens so many files at most: its connections, and some. */
const FILES_PER_PROCESS = 20_000;
/** Entries of connections that were lost stay for a while, beside those of the connections that were opened in their place. */
const TRACKED_SHARE = 1.5;
const CAP_SYS_RESOURCE = 1n << 24n;

/** null: the kernel does not tell. */
export interface KernelLimits {
  availableMiB: number | null;
  /** Of one process; Infinity where it can raise its own limit. */
  openFiles: number | null;
  /** Of all processes. */
  allFiles: number | null;
  trackedConnections: number | null;
}

/** Of this machine; or of another one, whose files `read` gives, as "" those that are not there. */
export async function readLimits(
  read = (file: string): Promise<string> => readFile(file, "utf8").catch(() => ""),
): Promise<KernelLimits> {
  const number = (text: string | undefined) => (text === undefined || text === "" ? null : Number(text));
  const [memory, limits, status, allFiles, tracked] = await Promise.all(
    [
      "/proc/meminfo",
      "/proc/self/limits",
      "/proc/self/status",
      "/proc/sys/fs/file-max",
      "/proc/sys/net/netfilter/nf_conntrack_max",
    ].map(read),
  );
  const available = number(memory?.match(/^MemAvailable: +(\d+) kB$/m)?.[1]);
  const capabilities = BigInt(`0x${status?.match(/^CapEff:\s*([0-9a-f]+)$/m)?.[1] ?? "0"}`);
  return {
    availableMiB: available === null ? null : Math.floor(available / 1024),
    openFiles:
      (capabilities & CAP_SYS_RESOURCE) !== 0n
        ? Number.POSITIVE_INFINITY
        : number(limits?.match(/^Max open files +\d+ +(\d+) /m)?.[1]),
    allFiles: number(allFiles?.trim()),
    trackedConnections: number(tracked?.trim()),
  };
}

/** What so many connections, both ends and conntrack's entries, take. */
export const needsOf = (connections: number) => ({
  memoryMiB: Math.ceil((connections * BYTES_PER_CONNECTION) / 2 ** 20),
  files: Math.ceil(2.1 * connections),
  entries: Math.ceil(connections * TRACKED_SHARE),
});

/** One sentence for each limit that so many TCP connections exceed, with the remedy. `tracked`: conntrack holds them all. */
export function exceeded(limits: KernelLimits, connections: number, tracked: boolean): string[] {
  const { availableMiB, openFiles, allFiles, trackedConnections } = limits;
  const { memoryMiB, files, entries } = needsOf(connections);
  const most = Math.floor(((availableMiB ?? 0) * 2 ** 20) / BYTES_PER_CONNECTION);
  const perProcess = Math.min(connections, FILES_PER_PROCESS);
  const checks: [boolean, string][] = [
    [
      availableMiB !== null && availableMiB < memoryMiB,
      `${plural(connections, "connection")} need ${count(memoryMiB)} MiB of memory, and ${count(availableMiB ?? 0)} MiB are available. Try --connections ${most}.`,
    ],
    [
      openFiles !== null && openFiles < perProcess,
      `A process may open ${plural(openFiles ?? 0, "file")}, and ${count(perProcess)} are needed. Run 'ulimit -Hn ${FILES_PER_PROCESS} && ulimit -n ${FILES_PER_PROCESS}' as root, then this program.`,
    ],
    [
      allFiles !== null && allFiles < files,
      `All processes together may open ${plural(allFiles ?? 0, "file")}, and ${count(files)} are needed. Run 'sudo sysctl fs.file-max=${files}'.`,
    ],
    [
      tracked && trackedConnections !== null && trackedConnections < entries,
      `Conntrack holds at most ${plural(trackedConnections ?? 0, "connection")}, and ${count(entries)} entries are needed. Run 'sudo sysctl net.netfilter.nf_conntrack_max=${entries}', a setting of the whole machine.`,
    ],
  ];
  return checks.flatMap(([is, text]) => (is ? [text] : []));
}
