// SPDX-License-Identifier: Apache-2.0
// Names the root cause of each lost connection, and tells its story in one sentence.
import type { RootCause } from "../../record/schema.ts";
import { type Hop, targetsMet } from "../../tap/journey.ts";
import type { KernelDrop } from "../../tap/records.ts";
import { addressText } from "../flows.ts";
import { predictor } from "../predict.ts";
import type { Established, Row } from "../rows.ts";
import { CHANGES } from "./change.ts";
import { type Decisions, decisionsOf } from "./decision.ts";
import type { CauseRule, Loss, RunFacts } from "./define.ts";
import { factsOf, type Known } from "./facts.ts";
import { dropsOf, hopsOf, resetOf } from "./journey.ts";
import { LAB } from "./lab.ts";
import { type Late, lateOf } from "./late.ts";
import { STATE } from "./state.ts";
import { WIRE } from "./wire.ts";

/** In the order in which they are asked. What an event of the run explains is nobody's fault; what the lab did is not the balancer's. */
const RULES: readonly CauseRule[] = [...CHANGES, ...STATE, ...LAB, ...WIRE];

/** What became of one lost connection, and why. */
export interface Story {
  stream: string;
  /** "id.generation". */
  id: string;
  /** When it began to fail, seconds since the start of the traffic. */
  s: number;
  src: string;
  sport: number;
  dst: string;
  dport: number;
  target: string | null;
  /** What its client saw. */
  cause: string;
  /** null: it was not lost. */
  root: RootCause | null;
  sentence: string;
  /** Number of the event from 1; null: outside of all. */
  event: number | null;
  /** null: no oracle. */
  decisions: Decisions | null;
  /** Its packets, hop by hop, as far as they were kept. */
  hops: readonly Hop[];
  /** What kernels said of them. */
  drops: readonly KernelDrop[];
}

export interface Explainer {
  /** null: the connection was not lost. */
  rootOf(row: Established): RootCause | null;
  storyOf(row: Established): Story;
  /** Whether packets of it were kept. */
  hasPackets(row: Established): boolean;
  /** Of a first connection that was not there in time; `firstT`: when the first event was asked for. */
  lateOf(row: Row, firstT: number): Late;
  /** How many targets its packets came to before that time, as far as they were kept. */
  targetsMet(row: Established, untilT: number): number;
}

/** A busy generator may read a reset long after it came: where the tap saw it, its time decides. -1: outside of all events. */
function eventOfReset(row: Established, facts: RunFacts): number {
  const reset = row.lossEvent === "outside" ? resetOf({ row }, facts) : null;
  const { scales } = facts.timeline;
  const i = reset ? scales.findLastIndex(({ requestedT }) => reset.t >= requestedT) : -1;
  const scale = scales[i];
  return reset && scale && reset.t <= scale.effectiveT + 2 * row.stream.intervalUs * 1000 ? i : -1;
}

export function explainer(known: Known): Explainer {
  const { timeline } = known;
  const facts = factsOf(known);
  const predict = predictor(timeline, facts.targets);
  const lossOf = (row: Established): Loss => {
    const { lossEvent } = row;
    const index = typeof lossEvent === "number" ? lossEvent : eventOfReset(row, facts);
    const chance = index >= 0 ? (predict(row, index)?.probability ?? null) : 0;
    const expected = timeline.deployed.oracle ? chance : null;
    return { row, event: timeline.scales[index] ?? null, index, expected };
  };
  const ruleOf = (loss: Loss) => RULES.find((rule) => rule.holds(loss, facts));
  /** Who sent the RST, where an event explains it. */
  const openingOf = (loss: Loss): string | null => {
    const reset = loss.event && loss.expected !== 0 ? resetOf(loss, facts) : null;
    if (!reset) return null;
    return `RST by ${reset.from}${reset.from === loss.row.connection.target || facts.routers.has(reset.from) ? "" : ", which never had this connection"}`;
  };
  const verdictOn = (loss: Loss): Pick<Story, "root" | "sentence"> => {
    const { cause, target } = loss.row.connection;
    const where = target === null ? "" : ` on ${target}`;
    if (cause === "none") return { root: null, sentence: `Kept${where} to the end.` };
    const rule = ruleOf(loss);
    const why = rule?.because(loss, facts) ?? "nothing in the record explains it";
    const how = openingOf(loss) ?? `Lost by ${cause.replaceAll("_", " ")}${where}`;
    return { root: rule?.cause ?? "unknown", sentence: `${how}: ${why}.` };
  };
  return {
    targetsMet: (row, untilT) => targetsMet(hopsOf({ row }, facts), facts.targets, untilT),
    lateOf: (row, firstT) => lateOf(row, facts, firstT),
    hasPackets: (row) => hopsOf({ row }, facts).length > 0,
    rootOf(row) {
      if (row.connection.cause === "none") return null;
      return ruleOf(lossOf(row))?.cause ?? "unknown";
    },
    storyOf(row) {
      const loss = lossOf(row);
      const { connection, flow } = row;
      return {
        stream: connection.stream,
        id: `${connection.id}.${connection.generation}`,
        s: (row.lossT - timeline.t0) / 1e9,
        src: addressText(flow.src),
        sport: flow.sport,
        dst: addressText(flow.dst),
        dport: flow.dport,
        target: connection.target,
        cause: connection.cause,
        ...verdictOn(loss),
        event: loss.event ? loss.index + 1 : null,
        decisions: decisionsOf(loss, facts),
        hops: hopsOf(loss, facts),
        drops: dropsOf(loss, facts),
      };
    },
  };
}
