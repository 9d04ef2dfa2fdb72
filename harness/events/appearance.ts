// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { failureEnd } from "./failure-end.ts";
import { TargetOutage } from "./target-outage.ts";

/** Of targets that nobody configured, and that were never there before. */
export const appearance = defineEvent({
  kind: "appearance",
  subject: "targets",
  effect: "join",
  announced: false,
  words: { past: "appeared", now: ["appears", "appear"], found: "appeared" },
  before: ({ lab, members, share }) =>
    share(TargetOutage).begin(members.flatMap((index) => lab.topology.targets[index] ?? [])),
  apply: failureEnd.apply,
});
