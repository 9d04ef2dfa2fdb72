// SPDX-License-Identifier: Apache-2.0
import type { Environment } from "./figure.ts";

/** Where made-up figures come from. */
export const environment: Environment = {
  runtime: "netns",
  links: "veth",
  kernel: "6.18",
  cpus: 2,
  cpuModel: "any",
  family: 4,
  targets: 4,
  secondsEach: 2,
};
