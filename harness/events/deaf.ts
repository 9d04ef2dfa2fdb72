// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { Deafness } from "./deafness.ts";

export const deaf = defineEvent({
  kind: "deaf",
  subject: "targets",
  effect: "none",
  announced: false,
  mute: true,
  interrupts: true,
  words: {
    past: "answered health checks and no traffic",
    now: ["is deaf to traffic", "are deaf to traffic"],
  },
  apply: ({ lab, members, share }) =>
    share(Deafness).begin(members.flatMap((index) => lab.topology.targets[index] ?? [])),
});
