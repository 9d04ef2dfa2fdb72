// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";

export const drift = defineEvent({
  kind: "drift",
  subject: "targets",
  effect: "leave",
  told: "all_but_last",
  words: {
    past: "left, unknown to the last router",
    now: ["leaves, unknown to the last router", "leave, unknown to the last router"],
  },
  apply: setTargets,
});
