// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { LabError } from "../runtime/runtime.ts";

/** Its step says which flows: all of them. Members are the targets of those that come, change or go. */
export const reconfigure = defineEvent({
  kind: "reconfigure",
  subject: "targets",
  effect: "none",
  words: { past: "got other flows", now: ["gets other flows", "get other flows"] },
  apply({ balancer, flows }) {
    if (!balancer.setFlows || !flows) throw new LabError("This balancer has no way to change flows.");
    return balancer.setFlows(flows);
  },
});
