// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";

/** What happens to `subject`: data, so that a record can carry it and be judged without the code of its kind. */
export const eventMeaning = z.strictObject({
  kind: z.string(),
  /** What the event acts on. Its members are targets or, of every other subject, routers. */
  subject: z.enum(["targets", "routers", "balancer", "link"]),
  /** Whether members are out of use from then on, or back in use. */
  effect: z.enum(["leave", "join", "none"]),
  /** Whether the balancer is told. If not, members that leave are dead, and the balancer has to find out by itself. */
  announced: z.boolean(),
  /** Members that leave are dead although the balancer is told. */
  dead: z.literal(true).exactOptional(),
  /** Members get no traffic until it is undone, though they answer who asks whether they live. */
  mute: z.literal(true).exactOptional(),
  /** Which routers are told. Others keep their view of the targets. */
  told: z.enum(["all", "all_but_last", "last"]),
  /** The kind whose effect it takes back, or several. */
  undoes: z.union([z.string(), z.array(z.string()).readonly()]).exactOptional(),
  /** Until it is undone no connection can be opened. */
  interrupts: z.boolean().exactOptional(),
  /** A path of associations that have several opens or closes. */
  path: z.enum(["opens", "closes"]).exactOptional(),
  words: z.strictObject({
    /** "2 of 10 targets <past> at 5 s". */
    past: z.string(),
    /** "vm-001 <one>", "vm-001 vm-002 <many>". */
    now: z.tuple([z.string(), z.string()]),
    /** "vm-001 <found>: the balancer detected it". Absent: as `past`. */
    found: z.string().exactOptional(),
  }),
});
export type EventMeaning = Readonly<z.infer<typeof eventMeaning>>;
