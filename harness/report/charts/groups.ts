// SPDX-License-Identifier: Apache-2.0
// Which targets a chart shows one by one and which it puts together, so that 250 of them stay readable.

import { meaningOf } from "../../events/index.ts";
import { memberNoun } from "../../events/meaning.ts";
import { plural } from "../../util/numbers.ts";
import type { Hatch } from "../hatch.ts";
import { LEAVING_HATCH, LIGHT, ramp } from "../palette.ts";
import type { ReportData } from "../reporter.ts";

export interface Group {
  label: string;
  targets: string[];
  colour: string;
  hatch: Hatch | null;
}

const MOST_SINGLE = 20;
const MOST_SINGLE_LEAVING = 6;
const BANDS = 8;
const OTHERS = "no answer yet";

/** Staying targets first, then those that leave at some event: they are stacked on top, where a loss is seen best. */
export function targetGroups({ run, series }: ReportData): Group[] {
  const leaving = leavingTargets(series.events);
  const staying = run.targets.filter((name) => !leaving.has(name));
  const gone = run.targets.filter((name) => leaving.has(name));
  const single = run.targets.length <= MOST_SINGLE;
  return [
    ...paint(single ? each(staying) : bands(staying, BANDS), "staying"),
    ...paint(single || gone.length <= MOST_SINGLE_LEAVING ? each(gone) : bands(gone, 1), "leaving"),
  ];
}

/** Connections that no target has answered yet, so that the stack adds up to all that are alive. */
export function othersGroup(): Group {
  return { label: OTHERS, targets: [], colour: LIGHT.failed, hatch: null };
}

export function leavingTargets(events: ReportData["series"]["events"]): Set<string> {
  const ofTargets = events.filter((event) => memberNoun(meaningOf(event)) === "target");
  return new Set(ofTargets.flatMap(({ machines }) => machines));
}

function each(names: string[]): string[][] {
  return names.map((name) => [name]);
}

function bands(names: string[], most: number): string[][] {
  const size = Math.ceil(names.length / most);
  return Array.from({ length: Math.ceil(names.length / Math.max(1, size)) }, (_, i) =>
    names.slice(i * size, (i + 1) * size),
  );
}

function paint(parts: string[][], name: "staying" | "leaving"): Group[] {
  const colours = ramp(name, parts.length);
  const hatch = name === "leaving" ? LEAVING_HATCH : null;
  return parts.map((targets, i) => ({
    label: label(targets, name),
    targets,
    colour: colours[i] ?? LIGHT.muted,
    hatch,
  }));
}

function label(targets: string[], name: "staying" | "leaving"): string {
  if (targets.length === 1) return targets.join("");
  return name === "leaving" ? `${plural(targets.length, "target")} that leave` : `${targets[0]} to ${targets.at(-1)}`;
}
