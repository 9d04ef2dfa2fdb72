// SPDX-License-Identifier: Apache-2.0
// Runs of the same case with one seed after the other.
import { z } from "zod";
import { UsageError } from "../util/errors.ts";
import { invalid } from "./invalid.ts";
import { option, whole } from "./option.ts";

export const MAX_SEED = 0xffffffff;
const MOST_REPEATS = 1000;

export const repeatShape = {
  repeat: option(whole(1, MOST_REPEATS).default(1), {
    group: "CI",
    about: "runs of each case, each with the next seed",
    unit: "runs",
  }),
  seeds: option(
    z
      .string()
      .regex(/^\d{1,10}\.\.\d{1,10}$/)
      .optional(),
    {
      group: "CI",
      about: "first..last: runs of each case, one with each of these seeds",
      expects: "two seeds, first..last, such as 1..20",
    },
  ),
};

/** "1..20"; throws UsageError where --seed or --repeat say something else, or the seeds are none. */
export function withSeeds<T extends { seed: number; repeat: number; seeds?: string | undefined }>(
  args: T,
  given: ReadonlyMap<string, string>,
): T {
  const { seeds } = args;
  if (seeds === undefined) return withinSeeds(args);
  const other = ["seed", "repeat"].find((key) => given.has(key));
  if (other !== undefined) throw new UsageError(`--seeds says which seeds and how many: leave --${other} out.`);
  const [first = 0, last = 0] = seeds.split("..").map(Number);
  if (last < first || last > MAX_SEED || last - first >= MOST_REPEATS)
    throw new UsageError(
      invalid(seeds, "--seeds", `expected two rising numbers up to ${MAX_SEED}, for at most ${MOST_REPEATS} runs`),
    );
  return { ...args, seed: first, repeat: last - first + 1 };
}

function withinSeeds<T extends { seed: number; repeat: number }>(args: T): T {
  const { seed, repeat } = args;
  if (seed + repeat - 1 > MAX_SEED)
    throw new UsageError(`With --seed ${seed}, --repeat ${repeat} exceeds the largest seed, ${MAX_SEED}.`);
  return args;
}
