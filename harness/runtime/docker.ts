// SPDX-License-Identifier: Apache-2.0
import { type Images, LabError, type Runtime } from "./runtime.ts";

/** The docker runtime. Its parts, and dockerode with them, are loaded when they are first used: other runs do not pay for them. */
export const docker: Runtime = dockerWith({}, []);

function dockerWith(images: Images, capabilities: readonly string[]): Runtime {
  return {
    name: "docker",
    async missing() {
      const { connectEngine } = await import("./docker/engine.ts");
      return connectEngine().then(
        () => [],
        (error: unknown) => {
          if (error instanceof LabError) return [error.message];
          throw error;
        },
      );
    },
    async up(topology, signal, note) {
      const { dockerUp } = await import("./docker/docker.ts");
      return dockerUp(topology, { images, capabilities }, signal, note ?? (() => {}));
    },
    async clean() {
      const { dockerClean } = await import("./docker/docker.ts");
      return dockerClean();
    },
    async hasThisKernel() {
      const { endpointName } = await import("./docker/context.ts");
      return endpointName(process.env).startsWith("unix:");
    },
    withImages: (own) => dockerWith({ ...images, ...own }, capabilities),
    withCapabilities: (names) => dockerWith(images, names),
    capabilities,
  };
}
