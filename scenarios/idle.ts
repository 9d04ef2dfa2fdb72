// SPDX-License-Identifier: Apache-2.0
import { type Scenario, UsageError } from "../harness/api/index.ts";

const SILENCE_S = 4;
/** For the second messages, and for their answers to fail to come. */
const AFTER_S = 10;

export const idle: Scenario = {
  name: "idle",
  summary:
    "Each connection sends a message, is silent for --silence (4 s), and is used again: which does the balancer still know?",
  routers: 1,
  // In small: what is remembered for 2 s is forgotten in 4.
  set: { timeouts: "2,2,2", timeout: "2" },
  plan({ silenceS, durationS, atS }) {
    if (durationS !== null || atS !== null)
      throw new UsageError("'idle' ends soon after its --silence: it takes no --duration and no --at.");
    const silence = silenceS ?? SILENCE_S;
    return {
      mode: "stream",
      silenceS: silence,
      durationS: silence + Math.min(silence, AFTER_S),
      out: [],
      steps: [],
    };
  },
};
