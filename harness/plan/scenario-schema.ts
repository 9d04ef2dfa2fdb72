// SPDX-License-Identifier: Apache-2.0
// A scenario as a file has it. results/schema/scenario.json is made of this.
import { z } from "zod";
import { FEATURES, type Feature } from "../api/backend.ts";
import { EVENTS, type EventKind } from "../events/index.ts";
import { protocol } from "../record/base.ts";
import { flowsInFile } from "./flow-schema.ts";
import { readSeconds } from "./quantities.ts";

const time = z
  .union([z.number(), z.string()])
  .refine((value) => readSeconds(value) >= 0, 'expected a time, such as 5 (seconds) or "500ms"')
  .describe('seconds, or a text such as "500ms"');
const members = z.array(z.union([z.int().min(1), z.string().regex(/^vm-\d+$/)]));
const value = z.union([z.string(), z.number(), z.boolean()]);
const kinds = Object.keys(EVENTS) as [EventKind, ...EventKind[]];
const features = Object.keys(FEATURES) as [Feature, ...Feature[]];

export const stepSchema = z.strictObject({
  at: time.describe("when it happens, since the traffic began"),
  event: z.enum(kinds),
  targets: members.exactOptional().describe("targets that it is about, by number or name"),
  routers: members.exactOptional().describe("routers that it is about"),
  weights: z
    .record(z.string(), z.int().min(1).max(65_535))
    .exactOptional()
    .describe("event 'weights': weights by target, all others 1"),
  flows: flowsInFile.exactOptional().describe("event 'reconfigure': all flows from then on"),
  every: time.exactOptional().describe("it comes again after so long, `times` times in all"),
  times: z.int().min(1).exactOptional(),
});
export type FileStep = z.infer<typeof stepSchema>;

export const scenarioSchema = z.strictObject({
  $schema: z.string().exactOptional(),
  name: z.string().regex(/^[a-z][a-z0-9_]*$/, "expected small letters, digits and '_'"),
  summary: z.string(),
  topology: z
    .strictObject({ targets: value.exactOptional(), routers: value.exactOptional() })
    .exactOptional()
    .describe("defaults of --targets and --routers"),
  load: z
    .record(z.string(), value)
    .exactOptional()
    .describe("defaults of the options of a load, by their names: --warm-up is warmUp"),
  set: z.record(z.string(), z.string()).exactOptional().describe("defaults of options of the backends that have them"),
  mode: z.enum(["connect", "stream", "fragments"]).default("stream"),
  duration: time.default(0).describe("length of the traffic; 0 in mode connect"),
  out: members.default([]).describe("targets that are out at the start"),
  events: z.array(stepSchema).default([]),
  flows: flowsInFile.exactOptional().describe("several services, each with targets of its own"),
  visits: z.array(time).exactOptional().describe("mode connect: times at which each source makes one connection"),
  rate: z.number().exactOptional().describe("messages per second where the usual ones do not fit"),
  size: z.int().exactOptional().describe("bytes of a message, likewise"),
  silence: time.exactOptional().describe("between two messages of a connection"),
  direct: time.exactOptional().describe("from then on clients use targets' own addresses too"),
  probes: z.number().exactOptional().describe("connections a second that come besides, each for one answer"),
  sameTuple: z.literal(true).exactOptional().describe("what comes again has the 5-tuple that it had"),
  attack: z
    .strictObject({ victim: z.int().min(1) })
    .exactOptional()
    .describe("attackers choose connections for this target, by number"),
  flood: z
    .strictObject({ from: time, until: time })
    .exactOptional()
    .describe("others send meanwhile from sources that never answer, at the rate of --flood"),
  mtu: z.int().exactOptional().describe("of a narrow way between routers and tester"),
  icmp: z.literal("drop").exactOptional().describe("ICMP errors of the narrow way are dropped"),
  paths: z.literal(2).exactOptional().describe("ways between clients and targets, for associations that have both"),
  frontSeed: z
    .int()
    .exactOptional()
    .describe("a router in front of the routers chooses among them by a hash of this seed"),
  needs: z.enum(features).exactOptional().describe("what a backend must be able to do"),
  protocol: z.strictObject({ only: protocol, why: z.string() }).exactOptional(),
  affinity: time.exactOptional().describe("a source stays with its target for so long, where the backend can"),
  like: z
    .string()
    .exactOptional()
    .describe("a scenario of ours: what that says nothing about, this says nothing about"),
});
export type ScenarioFile = z.infer<typeof scenarioSchema>;
