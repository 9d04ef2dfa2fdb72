// SPDX-License-Identifier: Apache-2.0
// Where the labs are that are attacked.

export interface Where {
  runtime: string;
  /** Whether containers may be left behind. */
  inContainers: boolean;
  /** Words of its runs. */
  words: readonly string[];
  /** Kills are spread over so long after the begin of a phase, ms. */
  spreadMs: number;
  /** A run may take so long, ms. */
  timeoutMs: number;
}

/** By the word that chooses one. */
export const PLACES: Readonly<Record<string, Where>> = {
  netns: { runtime: "netns", inContainers: false, words: [], spreadMs: 400, timeoutMs: 120_000 },
  docker: { runtime: "docker", inContainers: true, words: [], spreadMs: 1500, timeoutMs: 120_000 },
  vm: { runtime: "vm", inContainers: false, words: ["--retries", "0"], spreadMs: 4000, timeoutMs: 1_200_000 },
};
