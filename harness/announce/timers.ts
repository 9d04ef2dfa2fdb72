// SPDX-License-Identifier: Apache-2.0
// How tester and targets find out that a router is dead: the options, and the time that it takes by its timers. Pure.
import type { Announce, Announcement, HealthWay, SyncWay } from "../record/schema.ts";
import { UsageError } from "../util/errors.ts";

/** What a user may say of it; undefined: nothing. */
export interface AnnounceOptions {
  announce?: Announce | undefined;
  /** Milliseconds between two checks, advertisements or BFD packets. */
  detectInterval?: number | undefined;
  /** So many in a row have to be missed. */
  detectMisses?: number | undefined;
  /** Seconds after which BGP gives a silent neighbour up. */
  holdTime?: number | undefined;
  bfd?: "on" | "off" | undefined;
  /** By what routers share what they know of connections. */
  sync?: "none" | SyncWay | undefined;
}

export interface HealthOptions extends Pick<AnnounceOptions, "detectInterval" | "detectMisses"> {
  /** By what routers check targets. */
  health?: "none" | HealthWay | undefined;
  /** So many answers in a row make a dead target alive. */
  detectRises?: number | undefined;
  /** Milliseconds that a router waits for other targets before its balancer is told. */
  damping?: number | undefined;
}

export interface Health extends Pick<Timers, "intervalMs" | "misses"> {
  by: HealthWay;
  rises: number;
  dampingMs: number;
}

export interface Timers {
  by: Announce;
  intervalMs: number;
  misses: number;
  /** Of BGP; 0: there is none. */
  holdS: number;
  bfd: boolean;
  sync: SyncWay | null;
}

/** Shorter ones are for a machine that has nothing else to do: its daemons miss their turns on a busy one. */
const BGP = { intervalMs: 300, misses: 3, holdS: 3, bfd: true } as const;
const VRRP = { intervalMs: 300, misses: 3, holdS: 0, bfd: false } as const;
/** Of each way its own. */
const DEFAULTS: Readonly<Record<Announce, Omit<Timers, "by" | "sync">>> = {
  none: { intervalMs: 0, misses: 0, holdS: 0, bfd: false },
  static: { intervalMs: 100, misses: 3, holdS: 0, bfd: false },
  vrrp: VRRP,
  "vrrp-both": VRRP,
  "bgp-bird": BGP,
  "bgp-frr": BGP,
};

/** From BFD's word to new routes in the kernel, ms, measured: FRR's daemons hand them on from one to the next. */
const REACTION_MS: Readonly<Partial<Record<Announce, number>>> = { "bgp-bird": 5, "bgp-frr": 65 };

/** Throws UsageError when the options contradict each other, or connections would count as lost before a router is found dead. */
export function timersOf(options: AnnounceOptions, stallS: number): Timers {
  const sync = options.sync === undefined || options.sync === "none" ? null : options.sync;
  const { announce: by = sync ? "vrrp" : "static" } = options;
  checkOptions(by, options, sync);
  const { intervalMs, misses, holdS, bfd } = DEFAULTS[by];
  const timers = {
    by,
    intervalMs: options.detectInterval ?? intervalMs,
    misses: options.detectMisses ?? misses,
    holdS: options.holdTime ?? holdS,
    bfd: options.bfd === undefined ? bfd : options.bfd === "on",
    sync,
  };
  if (timers.bfd && timers.intervalMs * timers.misses >= timers.holdS * 1000)
    throw new UsageError(
      `BFD would tell after ${timers.intervalMs * timers.misses} ms, and BGP gives up after --hold-time ${timers.holdS}: nobody would see BFD at work. Try a shorter --detect-interval.`,
    );
  const [, mostMs] = detectionMs(timers) ?? [0, 0];
  // TCP waits for as long again as it has waited before it tries once more.
  const hint = holdS > 0 && !timers.bfd ? "--bfd on" : "a shorter --detect-interval";
  if (2 * mostMs > stallS * 1000)
    throw new UsageError(
      `A dead router is found after up to ${(mostMs / 1000).toFixed(1)} s, and TCP may wait as long again: --stall ${stallS} would call connections lost that come back. Try --stall ${Math.ceil((2 * mostMs) / 1000) + 1}, or ${hint}.`,
    );
  return timers;
}

/** Throws UsageError for an option that this way has not. */
function checkOptions(
  by: Announce,
  { detectInterval, detectMisses, holdTime, bfd }: AnnounceOptions,
  sync: SyncWay | null,
): void {
  if (sync && by !== "vrrp")
    throw new UsageError(
      `With --announce ${by} all routers are in use, and an answer may come to one before it is told of its connection. Try --announce vrrp.`,
    );
  if (by === "none" && (detectInterval ?? detectMisses) !== undefined)
    throw new UsageError(
      "With --announce none nobody finds out: it has no --detect-interval and no --detect-misses. Try --announce static.",
    );
  if (isVrrp(by) && detectMisses !== undefined)
    throw new UsageError("VRRP waits for 3 advertisements: it has no --detect-misses. Try --detect-interval.");
  if (!by.startsWith("bgp") && (holdTime !== undefined || bfd === "on"))
    throw new UsageError(`--hold-time and --bfd are BGP's, not those of --announce ${by}. Try --announce bgp-bird.`);
  if (bfd === "off" && (detectInterval ?? detectMisses) !== undefined)
    throw new UsageError(
      "--detect-interval and --detect-misses are BFD's, and --bfd off has none: BGP's --hold-time alone tells.",
    );
}

/** Those that die together are found within an interval, and a little later at times: so long a router waits for the others. */
const DAMPING = 1.25;
const RISES = 2;

/** Of health checks of targets; null: none are asked for. Throws UsageError for options that only such checks have. */
export function healthOf({ health, detectInterval, detectMisses, detectRises, damping }: HealthOptions): Health | null {
  if (health === undefined || health === "none") {
    const given = detectRises !== undefined ? "--detect-rises" : damping !== undefined ? "--damping" : null;
    if (given) throw new UsageError(`${given} is of health checks of targets. Try --health icmp.`);
    return null;
  }
  const { intervalMs: usual, misses } = DEFAULTS.static;
  const intervalMs = detectInterval ?? usual;
  return {
    by: health,
    intervalMs,
    misses: detectMisses ?? misses,
    rises: detectRises ?? RISES,
    dampingMs: damping ?? DAMPING * intervalMs,
  };
}

/** From a target's death until its router's balancer is told, at the least and at the most, ms. */
export const healthMs = (health: Health): [number, number] => {
  const [least, most] = checkedMs(health);
  return [least + health.dampingMs, most + health.dampingMs];
};

const checkedMs = ({ intervalMs, misses }: Pick<Timers, "intervalMs" | "misses">): [number, number] => [
  misses * intervalMs,
  (misses + 1) * intervalMs,
];

const isVrrp = (by: Announce): boolean => by.startsWith("vrrp");

/** VRRP's priority of the router with this index: the last one has the highest. */
export const priorityOf = (router: number): number => 150 + 10 * router;

/** From a router's death until it is found, at the least and at the most, ms; null: nobody finds out. `routers`: so many there are. */
export function detectionMs({ by, intervalMs, misses, holdS, bfd }: Timers, routers = 2): [number, number] | null {
  if (by === "none") return null;
  // A check that is not answered by the time of the next one is missed; the first may come at once, or after an interval.
  if (by === "static") return checkedMs({ intervalMs, misses });
  if (isVrrp(by)) {
    // The last advertisement came up to an interval before; the best of the others waits a little less than the next one.
    const skew = ((256 - priorityOf(routers - 2)) / 256) * intervalMs;
    return [2 * intervalMs + skew, 3 * intervalMs + skew];
  }
  const [late, between] = bfd ? [misses * intervalMs, intervalMs] : [holdS * 1000, keepaliveS(holdS) * 1000];
  const reaction = REACTION_MS[by] ?? 0;
  return [late - between + reaction, late + reaction];
}

/** Seconds between two of BGP's keepalives. */
export const keepaliveS = (holdS: number): number => Math.max(1, Math.floor(holdS / 3));

/** For the record. */
export function announcementOf(timers: Timers, routers: number): Announcement {
  const { by, intervalMs, misses, sync } = timers;
  const serves = by === "vrrp" ? "last" : "all";
  return { by, intervalMs, misses, detectionMs: detectionMs(timers, routers), serves, ...(sync ? { sync } : {}) };
}
