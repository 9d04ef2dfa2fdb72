// SPDX-License-Identifier: Apache-2.0
// Explains: sentences and rows about single connections.
import type { LossCause, RootCause } from "../record/schema.ts";
import { addressText } from "./flows.ts";
import type { AnalysisModule } from "./part.ts";
import { isAliveAt, pickOf, predictor } from "./predict.ts";
import type { Established } from "./rows.ts";

/** One lost connection, as a report lists it. */
export interface LostConnection {
  /** Since the traffic began. */
  s: number;
  stream: string;
  /** "id.generation". */
  id: string;
  src: string;
  sport: number;
  target: string | null;
  movedTo: string | null;
  /** What its client saw, and what ended it in the first place. */
  cause: LossCause;
  root: RootCause;
  /** Number of the event from 1; null: outside of all. */
  event: number | null;
  /** Probability that the oracle gave it; null without an oracle. */
  predicted: number | null;
}

const MAX_DIFFERENCES = 20;
/** Of each kind: a page with more is slow to open and is not read. */
const MAX_LOST_ROWS = 500;

/** Sentences about the first few connections whose fate differs from the prediction. */
export class Differences {
  readonly sentences: string[] = [];

  readonly add = ({ connection, flow }: Established, text: string): void => {
    if (this.sentences.length >= MAX_DIFFERENCES) return;
    const { stream, id, generation } = connection;
    this.sentences.push(
      `${stream} connection ${id}.${generation} from ${addressText(flow.src)} port ${flow.sport}: ${text}`,
    );
  };
}

/** How the fate of a connection at event i differs from the one that was certain; null: it does not. */
export function differenceAt(
  { connection, hash, lossEvent, view: { stages } }: Established,
  i: number,
  probability: number,
  targets: readonly string[],
): string | null {
  const isLost = lossEvent === i;
  const { target, movedTo } = connection;
  const movedElsewhere = isLost && movedTo !== null;
  if (!movedElsewhere && probability === Number(isLost)) return null;
  const after = pickOf(stages[i + 1], hash, targets);
  if (movedElsewhere && after !== null && after !== movedTo)
    return `moved to ${movedTo} at event ${i + 1}, predicted ${after}`;
  if (probability === Number(isLost)) return null;
  const [was, expected] = isLost ? [`lost by ${connection.cause}`, "kept"] : ["kept", "lost"];
  const before = pickOf(stages[i], hash, targets);
  return `${was} at event ${i + 1}, predicted ${expected} (on ${target ?? "no target"}; new connections like it ${before ?? "any"} -> ${after ?? "any"})`;
}

/** A sample of the lost connections, those first that were not predicted to be. */
export const lostRows: AnalysisModule = ({ run, timeline }) => {
  const rows = { other: [] as LostConnection[], predicted: [] as LostConnection[] };
  const predict = predictor(timeline, run.targets);
  const chanceOf = (row: Established): number | null => {
    if (!timeline.deployed.oracle) return null;
    const { lossEvent } = row;
    if (typeof lossEvent !== "number" || !isAliveAt(timeline, row, lossEvent)) return 0;
    return predict(row, lossEvent)?.probability ?? 0;
  };
  return {
    established(row) {
      const { connection, flow, lossEvent, endT } = row;
      if (connection.cause === "none") return;
      const predicted = chanceOf(row);
      const list = predicted === 0 || lossEvent === "outside" ? rows.other : rows.predicted;
      if (list.length >= MAX_LOST_ROWS) return;
      list.push({
        s: (endT - timeline.t0) / 1e9,
        stream: connection.stream,
        id: `${connection.id}.${connection.generation}`,
        src: addressText(flow.src),
        sport: flow.sport,
        target: connection.target,
        movedTo: connection.movedTo,
        cause: connection.cause,
        root: row.root ?? "unknown",
        event: typeof lossEvent === "number" ? lossEvent + 1 : null,
        predicted,
      });
    },
    part: () => ({ series: { lost: [...rows.other, ...rows.predicted] } }),
  };
};
