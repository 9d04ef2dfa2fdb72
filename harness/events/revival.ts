// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";
import { TargetOutage } from "./target-outage.ts";

export const revival = defineEvent({
  kind: "revival",
  subject: "targets",
  effect: "join",
  undoes: "death",
  words: { past: "came back to life", now: ["is back", "are back"] },
  async apply(context) {
    await context.share(TargetOutage).end();
    return setTargets(context);
  },
});
