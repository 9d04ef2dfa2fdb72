// SPDX-License-Identifier: Apache-2.0
import type { Scenario } from "../harness/api/index.ts";

export const connect: Scenario = {
  name: "connect",
  summary: "Each connection is made once and answered with the target's name: does every target get its share?",
  routers: 1,
  plan: () => ({ mode: "connect", durationS: 0, out: [], steps: [] }),
};
