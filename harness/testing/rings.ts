// SPDX-License-Identifier: Apache-2.0
// The rings of tests, told by the names of their files: `x.<ring>.test.ts`; a name without such a word is pure.

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
