// SPDX-License-Identifier: Apache-2.0
import type { Protocol } from "../harness/api/index.ts";

/** One message of each connection must fall between any two events, and over UDP one that is lost is not sent again. */
const RATE = { tcp: ["--rate", "2000"], udp: ["--rate", "4000"] } as const;

/** Short runs of each scenario with 1000 connections, as words of `test`. */
export function short(scenario: string, protocol: Protocol): readonly string[] {
  const often = RATE[protocol];
  // A blackout needs the time that TCP takes to come back.
  const words: Record<string, readonly string[]> = {
    connect: [],
    scale: ["--at", "0.8 1.9", "--duration", "3", ...often],
    scale_in: ["--at", "0.8", "--duration", "1.9", ...often],
    scale_out: ["--at", "0.8", "--duration", "1.9", ...often],
    scale_lb: ["--at", "0.8 1.9", "--duration", "3", ...often],
    drift: ["--at", "0.8 1.9", "--duration", "3", ...often],
    churn: ["--at", "0.8 1.9 3", "--duration", "4.1", ...often],
    blackout: ["--at", "0.8 1.8", "--duration", "4.8", ...often],
    failure: ["--at", "0.8 7", "--duration", "11", ...often],
    hotplug: ["--at", "0.8", "--duration", "5", ...often],
    frag: ["--duration", "2", "--routers", "3"],
    idle: [],
    tiers: [],
    pmtu: ["--duration", "2", "--rate", "1000", "--routers", "2", "--stall", "1"],
  };
  return words[scenario] ?? [];
}

/**
 * Runs of each scenario for a guest in virtual time, whose seconds cost nothing where nothing happens: each connection sends once
 * between two events, or twice where a datagram that is lost is not sent again. As options of a run.
 */
export function unhurried(
  scenario: string,
  { protocol, connections }: { protocol: Protocol; connections: number },
): Readonly<Record<string, string | number>> {
  const rate = protocol === "tcp" ? connections / 2 : connections;
  const words: Record<string, Record<string, string | number>> = {
    scale: { at: "3 6", duration: 9, rate },
    scale_in: { at: "3", duration: 6, rate },
    scale_out: { at: "3", duration: 6, rate },
    scale_lb: { at: "3 6", duration: 9, rate },
    drift: { at: "3 6", duration: 9, rate },
    churn: { at: "3 6 9", duration: 12, rate },
    blackout: { at: "3 5.5", duration: 10, rate },
    failure: { at: "3 11.5", duration: 16, rate },
    frag: { duration: 2, routers: 3 },
    pmtu: { duration: 4, rate: connections, routers: 2, stall: 1 },
  };
  return words[scenario] ?? {};
}
