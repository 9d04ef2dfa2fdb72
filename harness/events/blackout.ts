// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { Partition } from "./partition.ts";

export const blackout = defineEvent({
  kind: "blackout",
  subject: "link",
  effect: "none",
  announced: false,
  interrupts: true,
  words: { past: "lost contact to the tester", now: ["is cut off", "are cut off"] },
  apply: ({ share }) => share(Partition).begin(),
});
