// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { setTargets } from "./set-targets.ts";
import { TargetOutage } from "./target-outage.ts";

/** What the balancer remembers of connections still leads to the dead: it gives them no new ones, and that is all. */
export const death = defineEvent({
  kind: "death",
  subject: "targets",
  effect: "leave",
  dead: true,
  words: { past: "died, and the balancer was told", now: ["dies, the balancer is told", "die, the balancer is told"] },
  before: ({ lab, members, share }) =>
    share(TargetOutage).prepare(members.flatMap((index) => lab.topology.targets[index] ?? [])),
  async apply(context) {
    const { lab, members, share } = context;
    await share(TargetOutage).begin(members.flatMap((index) => lab.topology.targets[index] ?? []));
    return setTargets(context);
  },
});
