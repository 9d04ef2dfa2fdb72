// SPDX-License-Identifier: Apache-2.0
// Whether a balancer still knows a connection when its next packet comes: how much it remembers, against what a load needs.
import type { Protocol } from "../record/schema.ts";
import type { MemoryLimits } from "./strategies/define.ts";
import "./strategies/index.ts";

export { lossOfForgotten, memoryLimits } from "./strategies/registry.ts";

/** What a balancer has to remember of a stream of connections. */
export interface Remembered {
  protocol: Protocol;
  /** Between two messages of one connection; 0: there is one only. */
  intervalS: number;
  /** Silence after which the clients' TCP sends a keepalive. */
  keepaliveS?: number | undefined;
  /** Connections of the run at one time. */
  connections: number;
  /** Flows that ever came: connections that were lost have left an entry behind. */
  flows: number;
  routers: number;
}

/** Probability that a connection is forgotten between two of its messages, and its bounds. */
export interface Forgetting {
  expected: number;
  low: number;
  high: number;
}

const NEVER: Forgetting = { expected: 0, low: 0, high: 0 };

/**
 * CPUs take free entries of the kernel's LRU tables in batches of 128 (LOCAL_FREE_TARGET in kernel/bpf/bpf_lru_list.c), so entries go
 * before the table is full: with 8 CPUs so many.
 */
const SPARE_ENTRIES = 1024;
/** The kernel's timers run off by an eighth late at most, and never early (LVL_CLK_SHIFT in kernel/time/timer.c); sends are late, too. */
const TIMER = { late: 1.15, slackS: 0.1 };

export function forgetting(limits: MemoryLimits, load: Remembered): Forgetting {
  const parts = [byEntries(limits, load), byTimeout(limits, load), byCpu(limits, load)];
  const most = (of: keyof Forgetting) => Math.max(...parts.map((part) => part[of]));
  return { expected: most("expected"), low: most("low"), high: most("high") };
}

/**
 * All connections send in turn, so the one that is about to send is always the least recently used one: an exact LRU would have forgotten
 * each of them. The kernel's keeps only about that order, so nothing is certain.
 */
function byEntries({ entries }: MemoryLimits, { intervalS, connections, flows, routers }: Remembered): Forgetting {
  if (entries === undefined || intervalS === 0 || flows + SPARE_ENTRIES <= entries) return NEVER;
  return { expected: connections / routers > entries ? 1 : 0, low: 0, high: 1 };
}

/** Which CPU a packet comes to is up to the machine: none may change, or all. */
function byCpu({ perCpu }: MemoryLimits, { intervalS }: Remembered): Forgetting {
  if (!perCpu || intervalS === 0) return NEVER;
  return { expected: perCpu.moves ?? 0.5, low: 0, high: 1 };
}

function byTimeout({ timeoutS, dataOnly }: MemoryLimits, load: Remembered): Forgetting {
  const { protocol } = load;
  const s = timeoutS?.[protocol];
  const intervalS = silenceOf(load, dataOnly);
  if (s === undefined || intervalS === 0 || intervalS < s - TIMER.slackS) return NEVER;
  return {
    expected: intervalS > s ? 1 : 0,
    low: s === 0 || intervalS > s * TIMER.late + TIMER.slackS ? 1 : 0,
    high: 1,
  };
}

/** What a balancer sees of it: a keepalive is a packet too. */
function silenceOf({ intervalS, keepaliveS }: Remembered, dataOnly = false): number {
  return keepaliveS === undefined || dataOnly ? intervalS : Math.min(intervalS, keepaliveS);
}

/** A sentence for each limit that a load exceeds, for before the start and for the report. */
export function exceededMemory(limits: MemoryLimits, load: Remembered): string[] {
  const { entries, timeoutS, perCpu, dataOnly = false } = limits;
  const { connections, intervalS, protocol, routers } = load;
  const n = (count: number) => count.toLocaleString("en-US");
  const s = timeoutS?.[protocol];
  const each = routers > 1 ? "The connection table of each router" : "The connection table";
  return [
    ...(entries !== undefined && intervalS > 0 && connections > entries
      ? [`${each} holds ${n(entries)} of ${n(connections)} connections: those that sent least recently are forgotten.`]
      : []),
    ...(perCpu && intervalS > 0
      ? ["Each CPU knows only the connections whose packets came to it: what comes to another one is chosen for anew."]
      : []),
    ...(s !== undefined && byTimeout(limits, load).high > 0 ? [timeoutSentence(s, load, dataOnly)] : []),
  ];
}

function timeoutSentence(s: number, { intervalS, keepaliveS }: Remembered, dataOnly: boolean): string {
  if (s === 0) return "Each packet is scheduled for itself: nothing is remembered.";
  const late = dataOnly ? "which do not count" : "too late";
  const keepalives = keepaliveS === undefined ? "" : ` (keepalives after ${keepaliveS} s, ${late})`;
  return `Each connection sends every ${Number(intervalS.toFixed(1))} s${keepalives}, and is forgotten after ${s} s of silence.`;
}
