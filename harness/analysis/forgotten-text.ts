// SPDX-License-Identifier: Apache-2.0
// What the verdict says of connections that the balancer had forgotten.
import type { Check } from "./failures.ts";
import type { Judged } from "./part.ts";

const n = (count: number) => count.toLocaleString("en-US");

export function forgottenFailures({ forgotten }: Judged): Check[] {
  if (!forgotten) return [];
  const { lost, predicted, interval, mispredicted, why } = forgotten;
  const [low, high] = interval ?? [predicted, predicted];
  return [
    [
      mispredicted > 0,
      `${n(mispredicted)} connections lived on although they were certain to be forgotten and lost. ${why.join(" ")}`,
    ],
    [
      mispredicted === 0 && (lost < low || lost > high),
      `${n(lost)} connections were lost as the balancer had forgotten them, ${predicted.toFixed(0)} expected, and ${low.toFixed(0)} to ${high.toFixed(0)} are possible. ${why.join(" ")}`,
      "chance",
    ],
  ];
}

export function forgottenMerits({ forgotten }: Judged): string[] {
  if (!forgotten) return [];
  const { lost, predicted, interval, why } = forgotten;
  const possible = interval
    ? `${predicted.toFixed(0)} expected, ${interval[0].toFixed(0)} to ${interval[1].toFixed(0)} possible`
    : "exactly as predicted";
  return [...why, `${n(lost)} connections were lost as the balancer had forgotten them: ${possible}.`];
}
