// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";
import { TargetOutage } from "./target-outage.ts";

/** A target that was never there before: until then nobody hears of it, on any link, and the balancer does not know it. */
export const addUnknown = defineEvent({
  kind: "add_unknown",
  subject: "targets",
  effect: "join",
  words: { past: "came for the first time", now: ["comes for the first time", "come for the first time"] },
  before: ({ lab, members, share }) =>
    share(TargetOutage).begin(members.flatMap((index) => lab.topology.targets[index] ?? [])),
  async apply(context) {
    await context.share(TargetOutage).end();
    return setTargets(context);
  },
});
