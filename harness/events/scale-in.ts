// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";

export const scaleIn = defineEvent({
  kind: "scale_in",
  subject: "targets",
  effect: "leave",
  words: { past: "left", now: ["leaves", "leave"] },
  apply: setTargets,
});
