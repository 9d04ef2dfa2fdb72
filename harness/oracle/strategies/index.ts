// SPDX-License-Identifier: Apache-2.0
// Our strategies, a line each.
import { z } from "zod";
import { anchor } from "./anchor.ts";
import { bounded } from "./bounded.ts";
import { dx } from "./dx.ts";
import { flows } from "./flows.ts";
import { hashThreshold } from "./hash-threshold.ts";
import { ipvs } from "./ipvs.ts";
import { jet } from "./jet.ts";
import { maglev } from "./maglev.ts";
import { modulo } from "./modulo.ts";
import { redrawn } from "./redrawn.ts";
import { foreignSpec, registerStrategy } from "./registry.ts";
import { remainder } from "./remainder.ts";
import { rendezvous } from "./rendezvous.ts";
import { resilient } from "./resilient.ts";
import { ring } from "./ring.ts";
import { scaled } from "./scaled.ts";
import { stateful } from "./stateful.ts";

/** How a target is chosen: strategies without a memory of connections. */
const CHOOSING = [
  maglev,
  modulo,
  remainder,
  hashThreshold,
  scaled,
  resilient,
  ipvs,
  rendezvous,
  ring,
  anchor,
  dx,
  bounded,
  jet,
  redrawn,
] as const;

type ForeignSpec = z.infer<typeof foreignSpec>;
export type AssignSpec = z.infer<(typeof CHOOSING)[number]["schema"]> | ForeignSpec;
/** What nfqueue-lb and xdp-lb do. */
export type TableSpec = z.infer<(typeof maglev | typeof modulo)["schema"]>;
/** What the record holds: `hash: null` is a hash that nobody can know from outside. */
export type OracleSpec = AssignSpec | z.infer<typeof stateful.schema> | z.infer<typeof flows.schema>;

for (const strategy of [...CHOOSING, stateful, flows]) registerStrategy(strategy);

/** Data of any strategy. That of one which is not known, as its backend's file is not at hand, is taken as it is. */
export const oracleSpec: z.ZodType<OracleSpec> = z.union([
  z.discriminatedUnion("strategy", [stateful.schema, flows.schema, ...CHOOSING.map(({ schema }) => schema)]),
  foreignSpec,
]);
