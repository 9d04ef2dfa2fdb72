// SPDX-License-Identifier: Apache-2.0
// Source ports with the router's own address: the client's is kept wherever it is free, or any is drawn at random.
import { count, plural, was } from "../util/numbers.ts";
import type { Check } from "./failures.ts";
import { counted } from "./packets.ts";
import type { AnalysisModule, Judged } from "./part.ts";
import { binomialUpperP } from "./statistics.ts";

/** The kernel draws from 1024 to 65535. */
const PORTS = 64_512;
const CHANCE = 1e-4;

export const snat: AnalysisModule = ({ timeline, events }) => {
  const ports = timeline.deployed.snat;
  if (!ports) return { part: () => ({}) };
  const taken = new Set<string>();
  let clashes = 0;
  return {
    established({ stream, connection, recorded: { sport }, view }) {
      const key = `${timeline.views.indexOf(view)}/${stream.family}/${connection.target}/${sport}`;
      if (taken.has(key)) clashes++;
      taken.add(key);
    },
    part() {
      const sum = (wanted: string) =>
        counted(events)
          .flatMap(({ deltas }) => deltas)
          .reduce((total, [name, delta]) => total + (name === wanted ? Math.max(0, delta) : 0), 0);
      const [kept, changed] = [sum("snat.kept"), sum("snat.changed")];
      const all = kept + changed;
      // The second of two connections with one port gets another, unless the first has ended.
      const bounds = ports === "kept" ? [Math.max(0, all - clashes), all] : [0, mostKept(all)];
      return { summary: { snat: { ports, kept, changed, low: bounds[0] ?? 0, high: bounds[1] ?? 0 } } };
    },
  };
};

/** So many keep their port by chance. */
function mostKept(all: number): number {
  let most = 0;
  while (binomialUpperP(most + 1, all, 1 / PORTS) > CHANCE) most++;
  return most;
}

const WORDS = { kept: "the client's port is kept where it is free", random: "ports are drawn at random" } as const;

export function snatFailures({ snat: found }: Judged): Check[] {
  if (!found) return [];
  const { ports, kept, changed, low, high } = found;
  return [
    [kept + changed === 0, "Conntrack knows no connection, so nobody can say which source ports they had."],
    [
      kept < low || kept > high,
      `${count(kept)} of ${plural(kept + changed, "connection")} kept the client's source port, ${low === high ? count(low) : `${count(low)} to ${count(high)}`} ${was(high)} to: ${WORDS[ports]}.`,
    ],
  ];
}

export function snatMerits({ snat: found }: Judged): string[] {
  if (!found) return [];
  const { ports, kept, changed } = found;
  return [`${count(kept)} of ${plural(kept + changed, "connection")} kept the client's source port: ${WORDS[ports]}.`];
}
