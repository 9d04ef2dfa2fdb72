// SPDX-License-Identifier: Apache-2.0
// How long connections live: distributions by name, or of a file.
import { readFileSync } from "node:fs";
import { readNumber, readSeconds } from "../plan/quantities.ts";
import { UsageError } from "../util/errors.ts";
import { type Distribution, KNOWN_LIFETIMES } from "./known-lifetimes.ts";
import { KNOWN_SIZES } from "./known-sizes.ts";

/** Draws seconds, by numbers in [0, 1). */
export type Lifetimes = (random: () => number) => number;

interface Named {
  parts: readonly ("seconds" | "number")[];
  /** null: the values do not fit. */
  of(first: number, second: number): Lifetimes | null;
}

const NAMED: Readonly<Record<string, Named>> = {
  fixed: { parts: ["seconds"], of: (seconds) => () => seconds },
  exp: { parts: ["seconds"], of: (mean) => (random) => -mean * Math.log1p(-random()) },
  pareto: {
    parts: ["seconds", "number"],
    // With a shape of 1 or less there is no mean.
    of: (least, shape) => (shape > 1 ? (random) => least * (1 - random()) ** (-1 / shape) : null),
  },
  lognormal: {
    parts: ["seconds", "number"],
    of: (median, sigma) => (random) => median * Math.exp(sigma * normal(random)),
  },
  web: { parts: ["number"], of: (rate) => ofSizes(KNOWN_SIZES.web.points, rate) },
  cache: { parts: ["number"], of: (rate) => ofSizes(KNOWN_SIZES.cache.points, rate) },
};

/** A flow lasts as long as its bytes take at so many a second. */
const ofSizes = (points: Distribution, rate: number) =>
  ofPoints(points.map(([bytes, share]) => [bytes / rate, share] as const));

/** Box and Muller's. */
const normal = (random: () => number) => Math.sqrt(-2 * Math.log1p(-random())) * Math.cos(2 * Math.PI * random());

export const LIFETIMES_EXPECTED =
  "exp:MEAN, fixed:TIME, pareto:LEAST,SHAPE with a shape above 1, lognormal:MEDIAN,SIGMA, a published distribution (hadoop, requests), published sizes at so many bytes a second (web:RATE, cache:RATE), or a file of one";

/** "exp:5s", "hadoop", or the name of a file. Throws UsageError. */
export function readLifetimes(words: string): Lifetimes {
  if (Object.hasOwn(KNOWN_LIFETIMES, words))
    return ofPoints(KNOWN_LIFETIMES[words as keyof typeof KNOWN_LIFETIMES].points);
  const [, name = "", list = ""] = /^([a-z]+):(.+)$/.exec(words) ?? [];
  const named = Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
  if (!named) return ofFile(words);
  const texts = list.split(",");
  const values = named.parts.map((part, i) => (part === "seconds" ? readSeconds : readNumber)(texts[i] ?? ""));
  const fits = texts.length === values.length && values.every((value) => Number.isFinite(value) && value > 0);
  const [first = 0, second = 0] = values;
  const lifetimes = fits ? named.of(first, second) : null;
  if (lifetimes) return lifetimes;
  throw new UsageError(`Invalid value '${words}' for --lifetimes: expected ${LIFETIMES_EXPECTED}.`);
}

/** Lines of "seconds share", both rising, to a share of 1; between two lines the distribution is linear. */
function ofFile(path: string): Lifetimes {
  const points = numbersOf(path, "--lifetimes", LIFETIMES_EXPECTED).map(
    ({ line, values: [seconds = -1, share = -1] }) => ({
      line,
      seconds,
      share,
    }),
  );
  for (const [i, { line, seconds, share }] of points.entries()) {
    const before = points[i - 1] ?? { seconds: 0, share: 0 };
    if (seconds < before.seconds || share < before.share || share > 1)
      throw new UsageError(
        `${path}, line ${line}: seconds and shares must rise, and shares end with 1: '${seconds} ${share}' does not fit.`,
      );
  }
  const last = points.at(-1);
  if (last?.share !== 1) throw new UsageError(`${path}: the last share must be 1, not ${last?.share ?? "missing"}.`);
  return ofPoints(points.map(({ seconds, share }) => [seconds, share]));
}

/** Linear between two points. */
function ofPoints(points: Distribution): Lifetimes {
  return (random) => {
    const u = random();
    const i = points.findIndex(([, share]) => share > u);
    const [seconds, share] = points[i] as Distribution[number];
    const low = points[i - 1];
    // All that the first point names live as long as it says.
    if (!low || share === low[1]) return seconds;
    return low[0] + ((u - low[1]) / (share - low[1])) * (seconds - low[0]);
  };
}

/** Rows of numbers; "#" begins a comment. Throws UsageError with the line. */
export function numbersOf(path: string, option: string, expected: string): { line: number; values: number[] }[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new UsageError(`Invalid value '${path}' for ${option}: expected ${expected}.`);
  }
  return text.split("\n").flatMap((row, i) => {
    const words = row.replace(/#.*/, "").trim();
    if (words === "") return [];
    const values = words.split(/[\s,]+/).map(Number);
    if (values.every((value) => Number.isFinite(value) && value >= 0)) return [{ line: i + 1, values }];
    throw new UsageError(`${path}, line ${i + 1}: '${words}' is no row of numbers from 0 on.`);
  });
}
