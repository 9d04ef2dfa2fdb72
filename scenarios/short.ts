// SPDX-License-Identifier: Apache-2.0
import type { Protocol } from "../harness/api/index.ts";

/** One message of each connection must fall between any two events, and over UDP one that is lost is not sent again. */
const RATE = { tcp: ["--rate", "2000"], udp: ["--rate", "4000"], sctp: ["--rate", "2000"] } as const;

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
    rolling: ["--at", "0.8 1.4 2 2.6 3.2 3.8", "--duration", "4.5", "--rate", "4000"],
    flap: ["--at", "0.8 1.4 2 2.6", "--duration", "3.3", "--rate", "4000"],
    weights: ["--at", "0.8 1.5", "--duration", "2.2", "--rate", "4000"],
    add_unknown: ["--at", "0.8", "--duration", "1.9", ...often],
    drain: ["--at", "0.8 1.6", "--duration", "4.8", "--stall", "1.5", ...often],
    reconfigure: ["--at", "0.8 1.4 2 2.6", "--duration", "3.3", "--rate", "4000"],
    reject: ["--at", "1 4.5", "--duration", "7", "--stall", "1", ...often],
    blackout: ["--at", "0.8 1.8", "--duration", "4.8", ...often],
    // While the balancer is away each connection is to send once.
    restart: ["--at", "1 1.5", "--duration", "4.5", "--rate", "1000"],
    crash: ["--at", "1 1.5", "--duration", "4.5", "--rate", "1000"],
    reload: ["--at", "0.8", "--duration", "2.4", ...often],
    upgrade: ["--at", "0.8", "--duration", "2.4", ...often],
    router_crash: ["--at", "1", "--duration", "4", "--stall", "1.5", "--rate", "1000"],
    router_link: ["--at", "1 4", "--duration", "7", "--stall", "1.5", "--rate", "1000"],
    router_pause: ["--at", "1 4", "--duration", "7", "--stall", "1.5", "--rate", "1000"],
    failure: ["--at", "0.8 7", "--duration", "11", ...often],
    deaf: ["--at", "0.8 3.5", "--duration", "6", "--stall", "1", ...often],
    hotplug: ["--at", "0.8", "--duration", "5", ...often],
    frag: ["--duration", "2", "--routers", "3"],
    idle: [],
    direct: [],
    collide: [],
    reuse: [],
    flood: ["--at", "2.5 4", "--duration", "5.5", "--flood", "4000", ...often],
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
  const rate = protocol === "udp" ? connections : connections / 2;
  const words: Record<string, Record<string, string | number>> = {
    scale: { at: "3 6", duration: 9, rate },
    scale_in: { at: "3", duration: 6, rate },
    scale_out: { at: "3", duration: 6, rate },
    scale_lb: { at: "3 6", duration: 9, rate },
    drift: { at: "3 6", duration: 9, rate },
    churn: { at: "3 6 9", duration: 12, rate },
    rolling: { at: "3 6 9 12", duration: 15, rate },
    flap: { at: "3 6 9 12", duration: 15, rate },
    drain: { at: "3 6", duration: 15, rate },
    weights: { at: "3 6", duration: 9, rate },
    add_unknown: { at: "3", duration: 6, rate },
    reconfigure: { at: "3 6 9 12", duration: 15, rate },
    reject: { at: "3 11.5", duration: 16, rate },
    blackout: { at: "3 5.5", duration: 10, rate },
    restart: { at: "3 3.5", duration: 8, rate },
    crash: { at: "3 3.5", duration: 8, rate },
    reload: { at: "3", duration: 6, rate },
    upgrade: { at: "3", duration: 6, rate },
    router_crash: { at: "3", duration: 11, rate },
    router_link: { at: "3 11", duration: 16, rate },
    router_pause: { at: "3 11", duration: 16, rate },
    path_loss: { at: "4 11", duration: 18, rate: connections },
    failure: { at: "3 11.5", duration: 16, rate },
    deaf: { at: "3 11.5", duration: 16, rate },
    flood: { at: "3 5", duration: 8, rate, flood: 2000 },
    frag: { duration: 2, routers: 3 },
    pmtu: { duration: 4, rate: connections, routers: 2, stall: 1 },
  };
  return words[scenario] ?? {};
}
