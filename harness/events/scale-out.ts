// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";

export const scaleOut = defineEvent({
  kind: "scale_out",
  subject: "targets",
  effect: "join",
  undoes: "scale_in",
  words: { past: "returned", now: ["returns", "return"] },
  apply: setTargets,
});
