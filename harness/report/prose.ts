// SPDX-License-Identifier: Apache-2.0
// The sentences of a report, each with its numbers. Charts, HTML, Markdown and the terminal share them.

import { meaningOf } from "../events/index.ts";
import { memberNoun } from "../events/meaning.ts";
import type { EventSummary, Summary, Verdict } from "../record/schema.ts";
import { count, plural, was } from "../util/numbers.ts";
import { interval, seconds, share } from "./format.ts";

export const VERDICT_WORDS: Record<Verdict, { badge: string; sentence: string }> = {
  pass: { badge: "PASS", sentence: "All checks passed." },
  unjudged: {
    badge: "UNJUDGED losses",
    sentence: "Nothing failed, but no oracle could say which losses were right.",
  },
  fail: { badge: "FAIL", sentence: "At least one check failed." },
  skip: { badge: "SKIP", sentence: "This case did not run." },
  insufficient: { badge: "NOT ENOUGH DATA", sentence: "The run has too little data for a verdict." },
  error: { badge: "ERROR", sentence: "The lab could not be built or broke: no statement about the load balancer." },
};

/** "10,000 TCP connections over IPv4, 10 targets, 1 router, seed 1". */
export function parameters(summary: Summary): string {
  const family = summary.family === "both" ? "IPv4 and IPv6" : `IPv${summary.family}`;
  const protocol = summary.protocol.toUpperCase();
  const { planned } = summary.connections;
  return [
    // A run that was skipped planned none.
    `${planned === 0 ? protocol : plural(planned, `${protocol} connection`)} over ${family}`,
    plural(summary.targets, "target"),
    plural(summary.routers, "router"),
    `seed ${summary.seed}`,
  ].join(", ");
}

/** "2 of 10 targets left at 5 s: 2,213 of 10,000 connections were lost (22.1 %), 2,213 predicted, ideal 2,000". */
function eventSentence(event: EventSummary, summary: Summary): string {
  const meaning = meaningOf(event);
  const noun = memberNoun(meaning);
  const all = noun === "target" ? summary.targets : summary.routers;
  const lost =
    `${count(event.lost)} of ${plural(event.alive, "connection")} ${was(event.lost)} lost (${share(event.lost, event.alive)}), ` +
    `${event.predicted === null ? "no prediction" : `${count(event.predicted)} predicted`}, ideal ${count(event.ideal)}`;
  return `${count(event.machines.length)} of ${plural(all, noun)} ${meaning.words.past} at ${seconds(event.askedMs / 1000)}: ${lost}`;
}

/** Number of connections; a lost one that is opened again counts twice. */
export function opened({ connections: { planned, established } }: Summary): string {
  return established <= planned
    ? `${count(established)} of ${plural(planned, "connection")} ${was(established)} established`
    : `${plural(planned, "connection")} ${was(planned)} planned and ${count(established)} established, as lost ones were opened again`;
}

/** What happened to the connections, in one sentence; the headline of every report. "" where none was planned. */
export function headline(summary: Summary): string {
  const { planned, established, lost, lostOutsideEvents } = summary.connections;
  if (planned === 0) return "";
  if (summary.events.length === 0) {
    return `${opened(summary)}; ${count(lost)} ${was(lost)} lost (${share(lost, established)}); no event.`;
  }
  const outside = `outside the events ${lostOutsideEvents === 0 ? "none were" : `${count(lostOutsideEvents)} ${was(lostOutsideEvents)}`} lost`;
  const { forgotten } = summary;
  const unknown =
    forgotten && forgotten.lost > 0 ? [`${count(forgotten.lost)} as the balancer had forgotten them`] : [];
  return `${[...summary.events.map((event) => eventSentence(event, summary)), outside, ...unknown].join("; ")}.`;
}

/** The headline with the interval of each event, as the loss chart prints it. */
export function intervalSentence(summary: Summary): string {
  const ranges = summary.events.map((event) => interval(event.interval95));
  return ranges.length === 0
    ? ""
    : ` The 95 % ${ranges.length === 1 ? "interval is" : "intervals are"} ${ranges.join(", then ")}.`;
}
