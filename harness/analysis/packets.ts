import type { Event, EventOf, Summary } from "../record/schema.ts";
import { EVIL_NAME } from "../topology/topology.ts";

/**
 * IP packets, fragments among them, that the tester sent against those that reached the targets, with every drop that has a name.
 * Counters are read in each machine before and after the traffic; names beginning with "drop." are drops wherever they were counted.
 */
export function accountPackets(
  events: readonly Event[],
  tester: string,
  targets: readonly string[],
): Summary["packets"] {
  const counters = events.filter((e): e is EventOf<"counters"> => e.kind === "counters");
  const before = new Map(counters.filter((c) => c.moment === "before").map((c) => [c.machine, c.values]));
  let [sent, received] = [0, 0];
  let icmpErrors: number | null = null;
  const dropped: Record<string, number> = {};
  const isTarget = new Set(targets);
  for (const { machine, values } of counters.filter((c) => c.moment === "after")) {
    for (const [name, value] of Object.entries(values)) {
      const delta = value - (before.get(machine)?.[name] ?? 0);
      // The machine in between sends nothing of its own but ICMP errors, to the targets.
      if (name === "ipOut" && machine === EVIL_NAME) icmpErrors = delta;
      if (name === "ipOut" && (machine === tester || machine === EVIL_NAME)) sent += delta;
      else if (name === "ipIn" && isTarget.has(machine)) received += delta;
      else if (name.startsWith("drop.") && delta > 0) {
        // A drop on a target comes after the packet was received there.
        if (!isTarget.has(machine)) dropped[name.slice(5)] = (dropped[name.slice(5)] ?? 0) + delta;
      }
    }
  }
  // Sent from below the IP layer, which does not count them.
  for (const event of events) if (event.kind === "datagrams") sent += event.fragments;
  const named = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  const account = { sent, received, dropped, unaccounted: sent - received - named };
  return icmpErrors === null ? account : { ...account, icmpErrors };
}
