// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { TargetOutage } from "./target-outage.ts";

export const failure = defineEvent({
  kind: "failure",
  subject: "targets",
  effect: "leave",
  announced: false,
  words: { past: "died", now: ["dies", "die"] },
  before: ({ lab, members, share }) =>
    share(TargetOutage).prepare(members.flatMap((index) => lab.topology.targets[index] ?? [])),
  async apply({ lab, balancer, members, targets, share }) {
    const t = await share(TargetOutage).begin(members.flatMap((index) => lab.topology.targets[index] ?? []));
    return (await balancer.waitForConvergence?.(targets)) ?? t;
  },
});
