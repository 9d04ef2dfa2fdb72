// SPDX-License-Identifier: Apache-2.0
// HAProxy's own health checks of targets: their words, when they find a death, and what they have found.
import { z } from "zod";
import {
  type Host,
  type OwnChecks,
  PORT,
  type Router,
  type RouterSide,
  type Topology,
  UsageError,
} from "../../harness/api/index.ts";

const times = z.coerce.number().int().min(1).max(100).optional();

export const checkOptions = {
  check: z
    .enum(["none", "traffic", "beside"])
    .default("none")
    .describe("HAProxy asks targets itself (tcp-check): at the port of the traffic, or at one beside it"),
  inter: z.coerce.number().int().min(20).max(60_000).optional().describe("milliseconds between two checks (500)"),
  fall: times.describe("failed checks in a row until a target is down (3)"),
  rise: times.describe("answered checks in a row until it is up again (2)"),
};

export interface CheckOptions {
  check: "none" | "traffic" | "beside";
  inter?: number | undefined;
  fall?: number | undefined;
  rise?: number | undefined;
}

const DEFAULTS = { inter: 500, fall: 3, rise: 2 } as const;

/** Throws UsageError for numbers of checks that nobody asked for. */
export function refuseUnchecked(given: CheckOptions): void {
  const name = (["inter", "fall", "rise"] as const).find((key) => given[key] !== undefined);
  if (given.check === "none" && name !== undefined)
    throw new UsageError(`'${name}' is of HAProxy's health checks. Try --set check=traffic.`);
}

const timesOf = ({ inter = DEFAULTS.inter, fall = DEFAULTS.fall, rise = DEFAULTS.rise }: CheckOptions) => ({
  inter,
  fall,
  rise,
});

export const checkPort = ({ check }: Pick<CheckOptions, "check">): number =>
  check === "beside" ? PORT.connect : PORT.stream.tcp;

/** A check of the dead takes as long as the wait until the next one, which begins after it; the first begins up to so long after the death. */
export function checksOf(given: CheckOptions): OwnChecks | null {
  if (given.check === "none") return null;
  const { inter, fall, rise } = timesOf(given);
  const detectionMs: [number, number] = [(2 * fall - 1) * inter, 2 * fall * inter];
  return { where: given.check, timers: { by: "tcp", intervalMs: inter, misses: fall, rises: rise, detectionMs } };
}

/** Of a backend section. */
export const checkLines = (given: CheckOptions): string[] =>
  given.check === "none" ? [] : ["  option tcp-check", `  tcp-check connect port ${checkPort(given)}`];

/** Of a server's line. */
export function checkWords(given: CheckOptions, flush: boolean): string {
  if (given.check === "none") return "";
  const { inter, fall, rise } = timesOf(given);
  // Its connections end with it, as with a target that is taken out.
  const sessions = flush ? " on-marked-down shutdown-sessions" : "";
  return ` check inter ${inter} fall ${fall} rise ${rise}${sessions}`;
}

/** Part of a router's side, where it checks: resolves when each of its processes has found out. */
export function converging(
  { host, topology, fault }: Router,
  given: CheckOptions,
  sockets: readonly string[],
): Pick<RouterSide, "converge"> {
  const mostMs = checksOf(given)?.timers.detectionMs[1];
  if (mostMs === undefined) return {};
  return {
    async converge(alive) {
      // Generous: a busy machine is no fault of the balancer's, and how long it took is in the record.
      const seconds = (3 * mostMs) / 1000 + 10;
      const deadline = host.clock.now() + seconds * 1e9;
      const ask = (socket: string) => untilUp(host, topology, { socket, alive, deadline });
      if (!(await Promise.all(sockets.map(ask))).every(Boolean))
        fault(`haproxy on ${host.name} did not find out within ${seconds} s which targets answer.`);
    },
  };
}

const RUNNING = "2";
const POLL_MS = 10;

/** Resolves when the process at this socket has exactly these targets (indices) up in both families; with false at the deadline, ns. */
async function untilUp(
  host: Host,
  { targets }: Topology,
  { socket, alive, deadline }: { socket: string; alive: readonly number[]; deadline: number },
): Promise<boolean> {
  const wanted = new Set(alive.flatMap((index) => targets[index]?.name ?? []));
  for (;;) {
    const { stdout } = await host.exec(["@unix", socket], { input: "show servers state\n", check: false });
    if (isUp(stdout, wanted, targets.length)) return true;
    if (host.clock.now() > deadline) return false;
    await host.clock.sleep(POLL_MS);
  }
}

/** `table` is as "show servers state" says it: a line for each server, with names of columns before. */
export function isUp(table: string, wanted: ReadonlySet<string>, targets: number): boolean {
  const lines = table.split("\n").filter((line) => line.includes(" "));
  const columns = (lines.shift() ?? "").replace(/^# /, "").split(" ");
  const column = (line: string, name: string) => line.split(" ")[columns.indexOf(name)] ?? "";
  const servers = lines.filter((line) => column(line, "be_name").startsWith("targets"));
  return (
    servers.length === 2 * targets &&
    servers.every((line) => {
      const isRunning = column(line, "srv_op_state") === RUNNING && column(line, "srv_admin_state") === "0";
      return isRunning === wanted.has(column(line, "srv_name"));
    })
  );
}
