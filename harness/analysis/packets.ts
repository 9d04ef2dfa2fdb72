import type { Event, EventOf, Summary } from "../record/schema.ts";

/**
 * IP packets the tester sent against those that reached the targets, with every drop that has a name. Counters are read in
 * each machine before and after the traffic; names beginning with "drop." are drops wherever they were counted. With a proxy
 * in between, which ends packets ("relay.in") and sends others ("relay.out"), each half of the way is held against its own end.
 */
export function accountPackets(
  events: readonly Event[],
  tester: string,
  targets: readonly string[],
): Summary["packets"] {
  const counters = events.filter((e): e is EventOf<"counters"> => e.kind === "counters");
  const before = new Map(counters.filter((c) => c.moment === "before").map((c) => [c.machine, c.values]));
  let [sent, received] = [0, 0];
  const relayed = { in: 0, out: 0 };
  const dropped: Record<string, number> = {};
  const isTarget = new Set(targets);
  for (const { machine, values } of counters.filter((c) => c.moment === "after")) {
    for (const [name, value] of Object.entries(values)) {
      const delta = value - (before.get(machine)?.[name] ?? 0);
      if (name === "ipOut" && machine === tester) sent += delta;
      else if (name === "ipIn" && isTarget.has(machine)) received += delta;
      else if (name === "relay.in") relayed.in += delta;
      else if (name === "relay.out") relayed.out += delta;
      else if (name.startsWith("drop.") && delta > 0) {
        // A drop on a target comes after the packet was received there.
        if (!isTarget.has(machine)) dropped[name.slice(5)] = (dropped[name.slice(5)] ?? 0) + delta;
      }
    }
  }
  const named = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  const unaccounted = sent - relayed.in + relayed.out - received - named;
  return { sent, received, dropped, unaccounted, ...(relayed.in + relayed.out > 0 ? { relayed } : {}) };
}
