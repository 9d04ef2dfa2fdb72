// SPDX-License-Identifier: Apache-2.0
// Options that several of the kernel's strategies have, so that they are called the same everywhere.
import { z } from "zod";
import { type StatefulSpec, UsageError } from "../../harness/api/index.ts";

export const weights = z
  .string()
  .transform((text) =>
    text
      .split(/[\s,]+/)
      .filter((word) => word !== "")
      .map(Number),
  )
  .pipe(z.array(z.number().int().min(1).max(256)).min(1))
  .optional()
  .describe("weights of the targets, '1,1,3': 1 to 256 each, one for every target (all equal)");

export const hashSeed = z.coerce
  .number()
  .int()
  .min(1)
  .max(0xffffffff)
  .default(1)
  .describe("seed of the flow hash, the same on every router");

/** Throws UsageError when there is not one weight for each target. */
export function checkWeights(given: readonly number[] | undefined, targets: number): void {
  if (given !== undefined && given.length !== targets)
    throw new UsageError(
      `weights has ${given.length} ${given.length === 1 ? "number" : "numbers"}, but there are ${targets} targets.`,
    );
}

export function weightOf(given: readonly number[] | undefined, index: number): number {
  return given?.[index] ?? 1;
}

/** An oracle's or a report's optional part: nothing when all weights are equal. */
export function weightsPart(given: readonly number[] | undefined): { weights?: readonly number[] } {
  return given === undefined ? {} : { weights: given };
}

/**
 * An oracle's part, of strategies in turn behind conntrack: a packet of a connection that was flushed is taken for a new one and takes a
 * turn away from the connections that are opened again, so that nobody knows whose turn it is then.
 */
export const turnsPart = (flush: boolean, loose: boolean): Pick<StatefulSpec, "later"> =>
  flush && loose ? {} : { later: "shares" };

export const timeouts = z
  .string()
  .regex(/^\d+,\d+,\d+$/, "write seconds such as 900,120,300")
  .default("0,0,0")
  .describe("seconds for which a silent connection is remembered: TCP, TCP after its end, UDP; 0: the kernel's own");

export function timeoutsOf(text: string): { tcp: number; fin: number; udp: number } {
  const [tcp = 0, fin = 0, udp = 0] = text.split(",").map(Number);
  return { tcp, fin, udp };
}

/**
 * The kernel's own, in seconds. conntrack remembers a UDP flow for 120 s once it has lasted 2 s, but what is silent after its first
 * answer has not.
 */
const KERNELS = { ipvs: { tcp: 900, udp: 300 }, conntrack: { tcp: 432_000, udp: 30 } } as const;

/** An oracle's part: what is forgotten after which silence. `again`: a TCP connection that was forgotten is taken for a new one. */
export function memoryPart(
  text: string,
  again: boolean,
  {
    of = "conntrack",
    protocols = ["tcp", "udp"],
  }: { of?: keyof typeof KERNELS; protocols?: readonly ("tcp" | "udp")[] } = {},
): Pick<StatefulSpec, "memory"> {
  const given = timeoutsOf(text);
  const timeoutS = Object.fromEntries(
    protocols.map((protocol) => [protocol, given[protocol] || KERNELS[of][protocol]]),
  );
  return { memory: { timeoutS, again } };
}
