// SPDX-License-Identifier: Apache-2.0
import { defineEvent } from "../api/event.ts";
import { Deafness } from "./deafness.ts";

export const deafEnd = defineEvent({
  kind: "deaf_end",
  subject: "targets",
  effect: "none",
  announced: false,
  undoes: "deaf",
  words: { past: "heard traffic again", now: ["hears traffic again", "hear traffic again"] },
  apply: ({ share }) => share(Deafness).end(),
});
