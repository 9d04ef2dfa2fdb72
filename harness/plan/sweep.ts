// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { option } from "./option.ts";
import { readList, readNumber } from "./quantities.ts";

export interface SweepWords {
  parameter: string;
  /** Rising, each once. */
  values: number[];
}

/** "targets=4,10,50", "connections=1e3,10k"; null: no sweep. */
function readSweep(word: unknown): SweepWords | null {
  const [, parameter, list = ""] = String(word).match(/^([\w.]+)=(.+)$/) ?? [];
  const values = [...new Set(readList(list).map(readNumber))].sort((a, b) => a - b);
  return parameter !== undefined && values.length > 1 && values.every((value) => value > 0)
    ? { parameter, values }
    : null;
}

export const sweepOption = (group: "Comparison" | "Measurement", about: string) =>
  option(
    z
      .preprocess(
        (word) => (typeof word === "string" ? readSweep(word) : word),
        z.object({ parameter: z.string(), values: z.array(z.number()) }),
      )
      .optional(),
    { group, about, expects: "a name and at least two positive numbers, as in targets=4,10,50" },
  );
