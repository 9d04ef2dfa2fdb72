// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { Partition } from "./partition.ts";

export const blackoutEnd = defineEvent({
  kind: "blackout_end",
  subject: "link",
  effect: "none",
  announced: false,
  undoes: "blackout",
  words: { past: "came back", now: ["is reachable again", "are reachable again"] },
  apply: ({ share }) => share(Partition).end(),
});
