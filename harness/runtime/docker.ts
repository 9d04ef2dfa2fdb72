// SPDX-License-Identifier: Apache-2.0
import { z } from "zod";
import { endpointName } from "./docker/context.ts";
import { type BringUp, type Images, LabError, type Runtime, type Traits } from "./runtime.ts";
import { sharingNothing } from "./single.ts";

const ROLES = ["base", "router", "target", "tester"] as const satisfies (keyof Images)[];

const image = z.string().transform((word, context): [role: keyof Images, image: string] => {
  const [, name = "", value = ""] = word.match(/^([^=]*)=(.*)$/) ?? [];
  const role = ROLES.find((known) => known === name);
  if (role && value !== "") return [role, value];
  context.addIssue({ code: "custom", input: word, message: `write role=image; roles: ${ROLES.join(", ")}` });
  return z.NEVER;
});
const capability = z
  .string()
  .regex(/^[A-Z_]+$/, "write it as SYS_ADMIN")
  .transform((word) => word.replace(/^CAP_/, ""));

/** Of runtimes whose machines are containers. */
export const containerOptions = z.strictObject({
  image: z
    .array(image)
    .default([])
    .transform((pairs): Images => Object.fromEntries(pairs)),
  capability: z.array(capability).default([]),
});

/** The docker runtime. Its parts, and dockerode with them, are loaded when they are first used: other runs do not pay for them. */
export const docker: Runtime = dockerWith(containerOptions.parse({}));

function dockerWith({ image: images, capability: capabilities }: z.infer<typeof containerOptions>): Runtime {
  const traits: Traits = {
    ...containerTraits(capabilities),
    get kernel() {
      return isLocal() ? ("this" as const) : ("elsewhere" as const);
    },
  };
  const up: BringUp = async (topology, signal, note = () => {}) => {
    const { dockerUp } = await import("./docker/docker.ts");
    return dockerUp(topology, { images, capabilities, traits }, signal, note);
  };
  const runtime: Runtime = {
    name: "docker",
    traits,
    options: containerOptions,
    configured: (given) => dockerWith(containerOptions.parse(given)),
    async missing() {
      const { connectEngine } = await import("./docker/engine.ts");
      return sentenceOf(connectEngine());
    },
    prepare: async () => sharingNothing(runtime, up),
    up,
    async clean() {
      const { dockerClean } = await import("./docker/docker.ts");
      return dockerClean();
    },
  };
  return runtime;
}

/** Of machines that are containers, whose routers have these capabilities besides. */
export function containerTraits(capabilities: readonly string[]): Omit<Traits, "kernel"> {
  return {
    toolsAreHosts: false,
    // What the images compile has no BPF programs; this machine's has, and only capabilities let them load.
    programsAreHosts: capabilities.length > 0,
    privileges: capabilities,
    deviceFiles: "on request",
    processesAreOurs: false,
    // Containers of a thousand targets would take the engine minutes.
    benchSizes: [10],
  };
}

/** The LabError that it rejects with, as `Runtime.missing` tells it. */
export function sentenceOf(work: Promise<unknown>): Promise<string[]> {
  return work.then(
    () => [],
    (error: unknown) => {
      if (error instanceof LabError) return [error.message];
      throw error;
    },
  );
}

/** An engine behind a Unix socket is one on this machine. What is wrong with the endpoint's name is told by `missing`. */
function isLocal(): boolean {
  try {
    return endpointName(process.env).startsWith("unix:");
  } catch {
    return false;
  }
}
