// SPDX-License-Identifier: Apache-2.0
import type { AnalysisModule } from "./part.ts";
import { pickOf } from "./predict.ts";
import { isOpenedAgain } from "./reuse.ts";
import type { Established } from "./rows.ts";
import type { Stage } from "./timeline.ts";

/** Which target answered first, against the stages that were, or may have been, in force while the connection was set up. */
export const assignment: AnalysisModule = ({ run, timeline, explain }) => {
  const assigned = { checked: 0, mispredicted: 0 };
  const evidence = { onInactiveTarget: 0 };
  const answers = new Answers();
  return {
    established(row) {
      const { target } = row.connection;
      if (target === null || isOpenedAgain(timeline, row)) return;
      const possible = stagesAtSetup(row);
      if (!possible.some((stage) => stage.active.has(target))) {
        evidence.onInactiveTarget++;
        explain(row, `answered by ${target}, which was not active then`);
      }
      if (!timeline.deployed.oracle) return;
      const expected = possible.map((stage) => pickOf(stage, row.hash, run.targets));
      if (expected.includes(null)) return;
      assigned.checked++;
      if (expected.length === 1 && expected[0]) answers.add(expected[0], target);
      if (expected.includes(target)) return;
      assigned.mispredicted++;
      explain(row, `answered by ${target}, predicted ${expected.join(" or ")}`);
    },
    part: () => ({ summary: { assigned }, evidence: { ...evidence, answersAs: answers.misnamed() } }),
  };
};

function stagesAtSetup({ view: { stages }, startT, establishedT }: Established): Stage[] {
  return stages.filter((stage, i) => {
    const next = stages[i + 1];
    return stage.requestedT <= establishedT && (next === undefined || next.effectiveT > startT);
  });
}

const FEWEST = 3;

/** Who answered, by who should have. */
class Answers {
  readonly #by = new Map<string, Map<string, number>>();

  add(expected: string, answered: string): void {
    const of = this.#by.get(expected) ?? new Map<string, number>();
    of.set(answered, (of.get(answered) ?? 0) + 1);
    this.#by.set(expected, of);
  }

  /** Targets that another name stands for: all their connections have it, and of the others' only its own. */
  misnamed(): { target: string; name: string; connections: number }[] {
    return [...this.#by].flatMap(([target, of]) => {
      const [[name, connections]] = [...of] as [[string, number]];
      const others = [...this.#by].filter(([other, its]) => other !== target && other !== name && its.has(name));
      return of.size === 1 && name !== target && others.length === 0 && connections >= FEWEST
        ? [{ target, name, connections }]
        : [];
    });
  }
}
