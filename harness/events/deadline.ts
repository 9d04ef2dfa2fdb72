// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { TargetOutage } from "./target-outage.ts";

/** Of targets that have left and were drained since: who is still there is cut off. */
export const deadline = defineEvent({
  kind: "deadline",
  subject: "targets",
  effect: "leave",
  dead: true,
  words: { past: "reached the end of the drain time", now: ["is cut off", "are cut off"] },
  before: ({ lab, members, share }) =>
    share(TargetOutage).prepare(members.flatMap((index) => lab.topology.targets[index] ?? [])),
  apply: ({ lab, members, share }) =>
    share(TargetOutage).begin(members.flatMap((index) => lab.topology.targets[index] ?? [])),
});
