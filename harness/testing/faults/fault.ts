// SPDX-License-Identifier: Apache-2.0
// What a fault is, and the ways that most are made: something is done to a run in its traffic, or to the record that it left.
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runMain } from "../machine.ts";
import { type Attack, type Attacked, verdictIn, withRun } from "./attacked.ts";
import { PLACES, type Where } from "./where.ts";

type Kind = "killed" | "stopped" | "slowed" | "full" | "cut" | "corrupted" | "hostile";

export interface Fault {
  kind: Kind;
  fault: string;
  /** In words, as `got` returns it. */
  wanted: string;
  /** Words for the runtimes that it is tried on. */
  on: readonly string[];
  got: (where: Where) => Promise<string>;
  /** Why it cannot be tried on this machine; null or absent: it can. */
  missing?: () => Promise<string | null>;
}

/** Runtimes of the faults that do not depend on one, and of those that do. */
export const ONCE = ["netns"];
export const BOTH = ["netns", "docker"];
export const EVERYWHERE = [...BOTH, "vm"];

/** The outcome of a run that something is done to, once its traffic has gone on for a second. */
export function during(attack: Omit<Attack, "where">, act: (run: Attacked) => unknown): Fault["got"] {
  return (where) => {
    const { more = [] } = attack;
    const json = more.includes("--reporter") ? [] : ["--reporter", "json"];
    return withRun({ ...attack, where, more: [...more, ...json] }, async (run) => {
      if (!(await run.reaches("traffic"))) return `no traffic: ${run.said()}`;
      await sleep(1000);
      await act(run);
      const { code } = await run.ended;
      return outcomeText(run, `${verdictIn(run.out).verdict}, exit code ${code}`);
    });
  };
}

/** With what was left behind, if anything was. */
export async function outcomeText(run: Attacked, outcome: string): Promise<string> {
  const { left } = await run.leftovers();
  return `${outcome}${left.length > 0 ? `, left: ${left.join(", ")}` : ""}`;
}

/** The folder of the only run in --out. Throws Error without one. */
export function runIn(out: string): string {
  const name = readdirSync(out).find((entry) => existsSync(path.join(out, entry, "events.ndjson")));
  if (name === undefined) throw new Error(`There is no run in '${out}'.`);
  return path.join(out, name);
}

/** What a whole record makes of it. */
export function afterRun(use: (run: string) => Promise<string>): Fault["got"] {
  return (where) =>
    withRun({ where, more: ["--reporter", "json"] }, async ({ out, ended }) => {
      await ended;
      return use(runIn(out));
    });
}

/** The exit codes of `report` and `gate` for a run whose record was damaged. */
export function damaged(damage: (run: string) => void): Fault["got"] {
  return afterRun(async (run) => {
    damage(run);
    const codes = [];
    for (const word of ["report", "gate"]) codes.push(`${word} ${(await runMain([word, run])).status}`);
    return codes.join(", ");
  });
}

/** A run without an attack, as a thing that is asked for first. Throws Error for a word that names no runtime. */
export function placeOf(word: string): Where {
  const where = PLACES[word];
  if (!where) throw new Error(`There is no runtime '${word}'. Runtimes: ${Object.keys(PLACES).sort().join(", ")}.`);
  return where;
}
