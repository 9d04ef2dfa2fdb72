// SPDX-License-Identifier: Apache-2.0
// What `bench --json` prints: a list of figures.
import { z } from "zod";

const interval = z.tuple([z.number(), z.number()]);

/** Figures are comparable only where all of this is the same. */
const environment = z.object({
  runtime: z.string(),
  /** What packets travel over: figures of veth say nothing about a network card. */
  links: z.string(),
  kernel: z.string(),
  cpus: z.int().min(1),
  /** Where the lab is spread over several machines: what each is, and which machines of the lab it has. */
  nodes: z.array(z.string()).exactOptional(),
  cpuModel: z.string(),
  family: z.union([z.literal(4), z.literal(6)]),
  /** null: they are what is swept. */
  targets: z.int().min(1).nullable(),
  secondsEach: z.number(),
});
export type Environment = z.infer<typeof environment>;

export const figureSchema = z.object({
  backend: z.string(),
  metric: z.string(),
  unit: z.string(),
  higherIsBetter: z.boolean(),
  /** Which number of a sweep this was measured with; absent: there is none. */
  sweep: z.object({ parameter: z.string(), value: z.number() }).exactOptional(),
  median: z.number(),
  /** Of the median; null with fewer than six repeats, which cannot give one. */
  interval95: interval.nullable(),
  /** Median of the rounds' own ratios; null for plain forwarding itself and where it has no figure. */
  ratioToPlain: z.number().nullable(),
  ratioInterval95: interval.nullable(),
  /** The same to plain forwarding with the balancer's own conntrack and links, where it has any. */
  fair: z.object({ reference: z.string(), ratio: z.number(), interval95: interval.nullable() }).exactOptional(),
  repeats: z.int().min(1),
  /** Rounds in which others used the machine. They are counted as all are. */
  disturbed: z.int().min(0),
  /** Rounds in which senders could send no more, and nothing was lost: there the balancer carries more than the value. */
  senderLimited: z.int().min(1).exactOptional(),
  environment,
});
export type Figure = z.infer<typeof figureSchema>;
