// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { UsageError } from "../util/errors.ts";

export interface SweepWords {
  parameter: string;
  /** Rising, each once. */
  values: number[];
}

/** "targets=4,10,50", "connections=1e3,1e4". Throws UsageError. */
export function parseSweep(text: string): SweepWords {
  const [, parameter = "", list = ""] = text.match(/^([\w.]+)=([\d.eE,\s]+)$/) ?? [];
  const values = z
    .array(z.coerce.number().positive())
    .min(2)
    .safeParse(list.split(/[,\s]+/).filter((word) => word !== ""));
  if (parameter === "" || !values.success)
    throw new UsageError(
      `'--sweep ${text}' does not fit: write a name and two numbers or more, as in targets=4,10,50.`,
    );
  return { parameter, values: [...new Set(values.data)].sort((a, b) => a - b) };
}
