// SPDX-License-Identifier: Apache-2.0
// What a page says of each run in columns, and once above them what all runs have in common.
import { digits, share } from "../report/format.ts";
import { NONE } from "../util/numbers.ts";
import { type Entry, lastOf } from "./set.ts";
import { lossText, whyText } from "./text.ts";

export interface SetColumn {
  name: string;
  text: (entry: Entry) => string;
  /** Of a number: rows are sorted by it; null comes last. */
  sort?: ((entry: Entry) => number | null) | undefined;
  /** Its text is not broken. */
  narrow?: true;
}

const summaryOf = (entry: Entry) => lastOf(entry).summary;
const runOf = (entry: Entry) => lastOf(entry).run;

const COLUMNS: readonly SetColumn[] = [
  { name: "Date (UTC)", narrow: true, text: (entry) => runOf(entry).startedAt.slice(0, 16).replace("T", " ") },
  { name: "Family", text: (entry) => summaryOf(entry).family },
  { name: "Protocol", text: (entry) => summaryOf(entry).protocol },
  { name: "Seed", text: (entry) => String(summaryOf(entry).seed), sort: (entry) => summaryOf(entry).seed },
  { name: "Lost at events", text: lossText, sort: (entry) => lostShare(entry, ({ lost }) => lost) },
  { name: "Predicted", text: predictedText, sort: (entry) => lostShare(entry, ({ predicted }) => predicted) },
  {
    name: "Duration",
    text: (entry) => `${digits(totalS(entry))} s`,
    sort: (entry) => totalS(entry),
  },
  { name: "Revision", narrow: true, text: (entry) => runOf(entry).gitRevision?.slice(0, 10) ?? NONE },
  { name: "Machine", text: (entry) => machineText(entry) },
  { name: "Why", text: whyText },
];

/** What is the same in all of several runs is said once. */
const COMMON: ReadonlySet<string> = new Set(["Family", "Protocol", "Seed", "Revision", "Machine"]);

export function columnsOf(entries: readonly Entry[]): { columns: SetColumn[]; common: string[] } {
  const isCommon = ({ name, text }: SetColumn) =>
    COMMON.has(name) && entries.length > 1 && new Set(entries.map(text)).size === 1;
  const [first] = entries;
  return {
    columns: COLUMNS.filter((column) => !isCommon(column)),
    common: first ? COLUMNS.filter(isCommon).map(({ name, text }) => `${name.toLowerCase()} ${text(first)}`) : [],
  };
}

type EventOf = Entry["attempts"][0]["summary"]["events"][number];

/** All events together, for sorting; null: nothing is known. */
function lostShare(entry: Entry, of: (event: EventOf) => number | null): number | null {
  const { events } = summaryOf(entry);
  const lost = events.map(of);
  if (events.length === 0 || lost.includes(null)) return null;
  return lost.reduce<number>((sum, n, i) => sum + (n ?? 0) / Math.max(1, events[i]?.alive ?? 1), 0);
}

function predictedText(entry: Entry): string {
  return summaryOf(entry)
    .events.map(({ predicted, alive }) => (predicted === null ? NONE : share(predicted, alive)))
    .join(" + ");
}

const totalS = (entry: Entry) => Math.round(summaryOf(entry).phasesMs.total / 100) / 10;

function machineText(entry: Entry): string {
  const { host, runtime, kernel } = runOf(entry);
  return `${host.hostname}, ${host.cpus} CPUs, ${runtime}, kernel ${kernel ?? host.kernel}`;
}
