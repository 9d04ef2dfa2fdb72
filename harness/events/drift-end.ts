// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";

export const driftEnd = defineEvent({
  kind: "drift_end",
  subject: "targets",
  effect: "leave",
  told: "last",
  words: {
    past: "left the last router's list too",
    now: ["leaves the last router's list too", "leave the last router's list too"],
  },
  apply: setTargets,
});
