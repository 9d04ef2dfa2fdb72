// SPDX-License-Identifier: Apache-2.0
// What the cells of a conformance matrix say: of runs, and of a page that was written before.
import type { Protocol, RunInfo, Summary } from "../record/schema.ts";
import { VERDICT_WORDS } from "../report/prose.ts";

/** A run, as far as its cell tells of it. */
export interface Made {
  summary: Summary;
  run: Pick<RunInfo, "startedAt" | "gitRevision" | "commandLine">;
}

export interface Shown {
  /** "pass, 20.0 % + 0.0 %". */
  text: string;
  /** What made it: kernel, runtime, clock, day and revision, without a full stop; null: nothing had to. */
  stamp: string | null;
  /** Of what did not pass. */
  reason: string | null;
}

/** By row and column. A row is a case, or a backend with options: only then its name has a space. */
export type Cells = Map<string, Map<string, Shown>>;

export const PROTOCOLS: readonly Protocol[] = ["tcp", "udp"];
/** Columns of rows that are cases. */
export const COLUMNS = (["4", "6"] as const).flatMap((family) =>
  PROTOCOLS.map((protocol) => ({ family, protocol, head: `IPv${family} ${protocol.toUpperCase()}` })),
);
/** Of rows with options: cells are about both families. */
export const columnOf = (scenario: string, protocol: Protocol) => `${scenario} ${protocol.toUpperCase()}`;

/** Of several runs in a cell the last one. */
export function cellsOfRuns(made: readonly Made[]): Cells {
  const cells: Cells = new Map();
  for (const one of made) {
    const { case: name, backend, scenario, family, protocol } = one.summary;
    const set = setOf(one);
    const own = COLUMNS.filter((column) => column.protocol === protocol && [column.family, "both"].includes(family));
    const columns = set === "" ? own.map(({ head }) => head) : [columnOf(scenario, protocol)];
    for (const column of columns) put(cells, set === "" ? name : `${backend} ${set}`, column, shownOf(one));
  }
  return cells;
}

/** The cells of a page that a run has made; those that none has made are for the catalogue of now to say. */
export function cellsOfPage(text: string): Cells {
  const { stamps, sentences } = notesOf(text);
  const cells: Cells = new Map();
  let heads: string[] = [];
  const take = (row: string, head: string, field: string) => {
    for (const [, protocol, said = "", letter = ""] of field.matchAll(/(?:(TCP|UDP) )?([^<>]+) <sup>(\w+)<\/sup>/g)) {
      const stamp = stamps.get(letter);
      if (stamp === undefined) continue;
      const reason = /^pass\b/.test(said) ? null : (sentences.get(row) ?? null);
      put(cells, row, protocol ? `${head} ${protocol}` : head, { text: said, stamp, reason });
    }
  };
  for (const line of text.split("\n").filter((each) => /^\| (?!---)/.test(each))) {
    const [first = "", ...fields] = line
      .split("|")
      .slice(1, -1)
      .map((field) => field.trim());
    const row = /^`(.+)`$/.exec(first)?.[1];
    if (row === undefined) heads = fields;
    else for (const [i, field] of fields.entries()) take(row, heads[i] ?? "", field);
  }
  return cells;
}

/** Below the tables, each in one or more lines: stamps by letter, and of each row the last sentence. */
function notesOf(text: string): { stamps: Map<string, string>; sentences: Map<string, string> } {
  const [stamps, sentences] = [new Map<string, string>(), new Map<string, string>()];
  const notes = text.split(/^- /m).slice(1);
  for (const note of notes.map((lines) => lines.trim().split(/\s+/).join(" "))) {
    const [, letter, stamp] = /^<sup>(\w+)<\/sup> (.*)\.$/.exec(note) ?? [];
    if (letter !== undefined && stamp !== undefined) stamps.set(letter, stamp);
    const [, sentence = "", rows = ""] = /^(.*) \((`.*`)\)$/.exec(note) ?? [];
    for (const [, row = ""] of rows.matchAll(/`([^`]+)`/g)) sentences.set(row, sentence);
  }
  return { stamps, sentences };
}

function put(cells: Cells, row: string, column: string, shown: Shown): void {
  const own = cells.get(row) ?? new Map<string, Shown>();
  cells.set(row, own.set(column, shown));
}

/** "forward=masq scheduler=mh" */
const setOf = ({ run: { commandLine } }: Made) =>
  commandLine.filter((_, i) => commandLine[i - 1] === "--set").join(" ");

function shownOf({ summary, run }: Made): Shown {
  const { verdict, reasons } = summary;
  return {
    text: verdict === "pass" ? lossText(summary) : VERDICT_WORDS[verdict].badge,
    stamp: verdict === "skip" ? null : stampOf({ summary, run }),
    reason: verdict === "pass" ? null : (reasons[0] ?? VERDICT_WORDS[verdict].sentence),
  };
}

/** A kernel, a runtime and its clock, a day and a revision. */
function stampOf({ summary: { kernel, runtime, clock }, run: { startedAt, gitRevision } }: Made): string {
  const time = clock === "virtual" ? "virtual time" : "this machine's time";
  const revision = gitRevision === null ? "" : `, revision ${gitRevision.replace(/^(.{12})[^-]*/, "$1")}`;
  return `Linux ${kernel}, ${runtime}, ${time}, ${startedAt.slice(0, 10)}${revision}`;
}

/** "pass", and the share of the connections lost at each event. */
function lossText({ events }: Summary): string {
  const shares = events.map(({ lost, alive }) => `${((100 * lost) / Math.max(1, alive)).toFixed(1)} %`);
  return shares.length === 0 ? "pass" : `pass, ${shares.join(" + ")}`;
}
