// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { TargetOutage } from "./target-outage.ts";

export const failureEnd = defineEvent({
  kind: "failure_end",
  subject: "targets",
  effect: "join",
  announced: false,
  undoes: "failure",
  words: { past: "came back to life", now: ["is back", "are back"], found: "came back" },
  async apply({ balancer, targets, share }) {
    const t = await share(TargetOutage).end();
    return (await balancer.waitForConvergence?.(targets)) ?? t;
  },
});
