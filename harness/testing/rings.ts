// SPDX-License-Identifier: Apache-2.0
// The rings of tests, told by the names of their files: `x.<ring>.test.ts`; a name without such a word is pure.
import { readdirSync } from "node:fs";
import path from "node:path";
import { root } from "./machine.ts";

export const RINGS = ["pure", "lab", "docker", "vm", "browser"] as const;
export type Ring = (typeof RINGS)[number];

const beyondPure = RINGS.filter((ring) => ring !== "pure");

export function ringOf(file: string): Ring {
  return beyondPure.find((ring) => file.endsWith(`.${ring}.test.ts`)) ?? "pure";
}

/** Patterns for AVA; none: all of its files. */
export function patternsOf(rings: readonly Ring[]): string[] {
  const named = beyondPure.filter((ring) => rings.includes(ring));
  if (!rings.includes("pure")) return named.map((ring) => `**/*.${ring}.test.ts`);
  const others = beyondPure.filter((ring) => !rings.includes(ring));
  return others.length === 0 ? [] : ["**/*.test.ts", `!**/*.{${others.join(",")},}.test.ts`];
}

/** Paths from the project's root of all tests, and of what tests share (`x.testing.ts`). */
export const testFiles = (): string[] =>
  ["harness", "lb", "scenarios", "images"]
    .flatMap((dir) =>
      readdirSync(path.join(root, dir), { recursive: true, encoding: "utf8" }).map((name) => `${dir}/${name}`),
    )
    .concat(readdirSync(root))
    .filter((name) => /\.test(ing)?\.ts$/.test(name));
