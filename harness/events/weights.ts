// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { LabError } from "../runtime/runtime.ts";

/** Its step says which weights: those of all targets. Members are the targets whose own weight changes. */
export const weights = defineEvent({
  kind: "weights",
  subject: "targets",
  effect: "none",
  words: { past: "got another weight", now: ["gets another weight", "get another weight"] },
  apply({ balancer, weights: next }) {
    if (!balancer.setWeights || !next) throw new LabError("This balancer has no way to change weights.");
    return balancer.setWeights(next);
  },
});
