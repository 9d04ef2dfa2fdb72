// SPDX-License-Identifier: Apache-2.0
// What the verdict says of connections that the balancer had forgotten.
import type { Check } from "./failures.ts";
import type { Judged } from "./part.ts";

const n = (count: number) => count.toLocaleString("en-US");
const connections = (count: number) => `${n(count)} ${count === 1 ? "connection" : "connections"}`;
const were = (count: number) => `${connections(count)} ${count === 1 ? "was" : "were"}`;

export function forgottenFailures({ forgotten }: Judged): Check[] {
  if (!forgotten) return [];
  const { lost, predicted, interval, mispredicted, why } = forgotten;
  const [low, high] = interval ?? [predicted, predicted];
  return [
    [
      mispredicted > 0,
      `${connections(mispredicted)} lived on although certain to be forgotten and lost. ${why.join(" ")}`,
    ],
    [
      mispredicted === 0 && (lost < low || lost > high),
      `${were(lost)} lost because the balancer had forgotten them, ${predicted.toFixed(0)} expected, and ${low.toFixed(0)} to ${high.toFixed(0)} are possible. ${why.join(" ")}`,
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
  return [...why, `${were(lost)} lost because the balancer had forgotten them: ${possible}.`];
}
