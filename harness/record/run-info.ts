// SPDX-License-Identifier: Apache-2.0
// run.json: what was run, where, and with what.
import { z } from "zod";
import { count, families, protocol, schemaVersion } from "./base.ts";

/** `runtime` of a record that a simulation made: it says what the oracle expects, and nothing about a balancer. */
export const SIMULATED = "simulated";

export const runInfoSchema = z.object({
  schema: schemaVersion,
  /** Name of the run's folder. */
  id: z.string(),
  case: z.string(),
  backend: z.string(),
  scenario: z.string(),
  commandLine: z.array(z.string()),
  startedAt: z.iso.datetime(),
  gitRevision: z.string().nullable(),
  host: z.object({
    hostname: z.string(),
    kernel: z.string(),
    cpus: count,
    cpuModel: z.string(),
    memoryMiB: z.number(),
  }),
  /** Versions by name. */
  tools: z.record(z.string(), z.string()),
  runtime: z.string(),
  /** Whose seconds its times are: "virtual" of a guest that counts its own instructions; else this machine's. */
  time: z.literal("virtual").exactOptional(),
  /** The kernel of the lab's machines where it is not the host's. */
  kernel: z.string().exactOptional(),
  /** What the lab was found to carry, connections a second through plain routing; the default load follows from it. */
  calibrated: z.object({ connectionsPerS: z.number() }).exactOptional(),
  targets: z.array(z.string()).max(65_535),
  routers: z.array(z.string()),
  family: families,
  protocol,
  seed: z.int(),
  /** Variables of the environment that options come from, with what they hold. */
  environment: z.record(z.string(), z.string()).exactOptional(),
  /** 2 for the first retry, and so on; 1 where it is absent. */
  attempt: z.int().min(1).exactOptional(),
  /** All options after defaults were applied. */
  options: z.record(z.string(), z.unknown()),
  backendOptions: z.record(z.string(), z.unknown()),
  /** What `replay` begins with: the options before they were fitted to the case, the words of --set, and what the runtime was told. */
  asked: z
    .object({
      options: z.record(z.string(), z.unknown()),
      set: z.array(z.string()),
      /** What the file of --scenario held. */
      scenario: z.unknown().optional(),
      runtime: z.object({
        kernel: z.string().exactOptional(),
        accel: z.enum(["kvm", "tcg"]).exactOptional(),
        image: z.array(z.string()).exactOptional(),
        capability: z.array(z.string()).exactOptional(),
        place: z.array(z.string()).exactOptional(),
      }),
    })
    .exactOptional(),
  /** In virtual time, what the run depends on besides: the same of all gives the same run. */
  guest: z
    .object({
      /** QEMU's version, and its words without this machine's paths. */
      qemu: z.string(),
      argv: z.array(z.string()),
      /** SHA-256 of the kernel, and of the root with the kernel's modules and our programs. */
      kernelHash: z.string(),
      imageHash: z.string(),
    })
    .exactOptional(),
  /** SHA-256 of connections.bin; in virtual time, where the same run has the same again. */
  rowsHash: z.string().exactOptional(),
});
export type GuestInfo = NonNullable<z.infer<typeof runInfoSchema>["guest"]>;
export type RunInfo = z.infer<typeof runInfoSchema>;
