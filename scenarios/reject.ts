// SPDX-License-Identifier: Apache-2.0
import { EVENTS, type Scenario } from "../harness/api/index.ts";
import { withSteps } from "./scale.ts";

/** New clients a second: some at any moment without a target, and too few for the kernel's limit of ICMP errors. */
const ARRIVALS = 100;

export const reject: Scenario = {
  name: "reject",
  summary:
    "All targets leave at 4 s and return at 12 s: is a client told at once that nobody serves it, or left to wait?",
  routers: 1,
  needs: "reject",
  plan(options) {
    const all = Array.from({ length: options.targets }, (_, i) => i + 1);
    const events = [EVENTS.scale_in, EVENTS.scale_out];
    const schedule = { durationS: 16, atS: [4, 12], events, outAtStart: false };
    return { ...withSteps("reject", { ...options, scale: all }, schedule), arrivals: ARRIVALS };
  },
};
