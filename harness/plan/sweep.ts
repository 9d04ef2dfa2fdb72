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

export interface VaryWords {
  parameter: string;
  /** Each once, in the order given. */
  words: string[];
}

/** "announce=vrrp,bgp-bird"; null: nothing varies. An option may be written as on the command line: "detect-interval". */
function readVaried(word: unknown): VaryWords | null {
  const [, name, list = ""] = String(word).match(/^([\w.-]+)=(.+)$/) ?? [];
  const words = [...new Set(list.split(",").map((one) => one.trim()))];
  return name !== undefined && words.length > 1 && words.every((one) => one !== "")
    ? { parameter: name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()), words }
    : null;
}

export const varyOption = () =>
  option(
    z
      .preprocess(
        (word) => (typeof word === "string" ? readVaried(word) : word),
        z.object({ parameter: z.string(), words: z.array(z.string()) }),
      )
      .optional(),
    {
      group: "Comparison",
      about: "option of the run or the backend with its words: a row of the tables for each",
      expects: "a name and at least two words, as in announce=vrrp,bgp-bird",
    },
  );
