// SPDX-License-Identifier: Apache-2.0
// What rules must do with a connection: from settings to an oracle's data. Pure.
import { type AssignSpec, type OracleSpec, PORT, type Protocol, type StatefulSpec } from "../../harness/api/index.ts";
import { beginsAnew } from "../linux/conntrack.ts";
import { memoryPart, turnsPart, weightsPart } from "../linux/options.ts";
import { isStateless, type Settings } from "./options.ts";

type Seeds = "given" | "drawn";

/** Of all farms that a connection of this protocol may come to; null: farms that differ so cannot be predicted together. */
export function mergedOracle(
  all: readonly [Settings, ...Settings[]],
  protocol: Protocol,
  seeds: Seeds = "given",
): OracleSpec | null {
  const specs = asked(all, protocol).map((one) => oracleOf(one, protocol, seeds));
  const [first = null] = specs;
  if (specs.every((one) => JSON.stringify(one) === JSON.stringify(first))) return first;
  const stateful = specs.flatMap((one) => (one?.strategy === "stateful" ? [one as StatefulSpec] : []));
  const [one] = stateful;
  if (!one || stateful.length < specs.length) return null;
  const shared = { flush: one.flush, memory: one.memory, marks: one.marks, midstream: one.midstream };
  const isShared = (other: StatefulSpec) =>
    Object.entries(shared).every(
      ([name, value]) => JSON.stringify(other[name as keyof StatefulSpec]) === JSON.stringify(value),
    );
  return stateful.every(isShared) ? { ...one, assign: null, affinityS: undefined, ...UNEVEN } : null;
}

const UNEVEN = { uneven: true, later: undefined, weights: undefined, priorities: undefined, standby: undefined };

/** Those at the lab's ports; else the first, at whose ports clients ask then. */
function asked(all: readonly [Settings, ...Settings[]], protocol: Protocol): readonly Settings[] {
  const ports: readonly number[] = protocol === "udp" ? [PORT.stream.udp] : [PORT.connect, PORT.stream[protocol]];
  const mine = all.filter(({ protocols }) => protocols.includes(protocol));
  const at = mine.filter(
    (one) => !one.ports || ports.some((port) => one.ports?.some(({ from, to }) => from <= port && port <= to)),
  );
  return at.length > 0 ? at : (mine.length > 0 ? mine : all).slice(0, 1);
}

/** `seeds`: whether rules give the hash a seed; else the kernel draws one for each rule. */
function oracleOf(settings: Settings, protocol: Protocol, seeds: Seeds): OracleSpec | null {
  const { scheduler, persistenceS, looseTcp, keptS, unforeseen } = settings;
  const choice = choiceOf(settings, seeds);
  if (isStateless(settings.mode) && keptS === null) return unforeseen ? null : choice;
  const byHash = scheduler === "hash" || scheduler === "symhash";
  const flush = keptS !== null || settings.leave === "flush";
  const anew = beginsAnew(protocol, looseTcp);
  return {
    strategy: "stateful",
    flush,
    assign: byHash && persistenceS === 0 && !unforeseen ? choice : null,
    ...affinityPart(settings, seeds),
    ...(keptS === null ? memoryPart(settings.timeouts, anew) : keptPart(keptS)),
    ...(byHash ? {} : turnsPart(flush && scheduler === "rr", keptS !== null || anew)),
    ...(unforeseen ? { uneven: true } : poolParts(settings)),
  };
}

function affinityPart({ scheduler, keys, persistenceS }: Settings, seeds: Seeds): Pick<StatefulSpec, "affinityS"> {
  if (persistenceS === 0) return {};
  // A hash of addresses alone gives a source its target again, whatever the map has forgotten.
  const forEver = scheduler === "hash" && isBySource(keys) && seeds === "given";
  return { affinityS: forEver ? "always" : persistenceS };
}

/** Rules that remember by themselves: addresses stay, and whoever knows nothing of a connection chooses anew. */
const keptPart = (seconds: number): Partial<StatefulSpec> => ({
  marks: ["tcp", "udp"],
  midstream: true,
  memory: { timeoutS: { tcp: seconds, udp: seconds }, again: true },
});

/** Of a new connection, or without state of each packet. */
function choiceOf(settings: Settings, seeds: Seeds): AssignSpec {
  const { scheduler, keys, hashSeed, order } = settings;
  const parts = { ...poolParts(settings), ...(order ? { order } : {}) };
  if (scheduler !== "hash") return { strategy: "scaled", hash: null, ...parts };
  return seeds === "drawn"
    ? { strategy: "redrawn", bySource: isBySource(keys), ...poolParts(settings) }
    : { strategy: "scaled", hash: { kind: "jhash", seed: hashSeed, keys }, ...parts };
}

const isBySource = (keys: Settings["keys"]) => keys.every((key) => key === "srcip" || key === "dstip");

const poolParts = ({ weights, priorities, standby, down }: Settings) => ({
  ...weightsPart(weights),
  ...(priorities ? { priorities, ...(standby === "nftlb" ? { standby } : {}) } : {}),
  ...(down ? { down } : {}),
});
