// SPDX-License-Identifier: Apache-2.0
// A connection's packets as a sequence diagram: a line for each machine, time downwards, an arrow for each hop.
import type { Story } from "../analysis/causes/index.ts";
import { dropText } from "../analysis/causes/kernel.ts";
import { type Hop, hopText, isReset } from "../tap/journey.ts";
import { isTester } from "../topology/topology.ts";
import { count } from "../util/numbers.ts";
import { eventLabel } from "./format.ts";
import { escapeText } from "./html/markup.ts";

const [LEFT, COLUMN, TOP, ROW, BOTTOM] = [110, 190, 56, 26, 24];
const TROUBLE = "#d55e00";
/** A longer life is shown by its beginning and its end. */
const MOST_HOPS = 40;

/** SVG without styles or scripts; its colours are those of the page's text. Empty where no packets were kept. */
export function sequenceMarkup({ hops, drops, s, event, decisions, stream, id }: Story, { t0, events }: Times): string {
  if (hops.length === 0) return "";
  const machines = columnsOf(hops);
  const x = new Map(machines.map((name, i) => [name, LEFT + i * COLUMN]));
  const rows = rowsOf({ hops, drops }, { t0, event: event === null ? null : (events[event - 1] ?? null) });
  const [width, height] = [LEFT + (machines.length - 1) * COLUMN + 110, TOP + rows.length * ROW + BOTTOM];
  const body = rows.map((row, i) => rowMarkup(row, TOP + (i + 0.7) * ROW, x, width)).join("\n");
  const label = `Packets of connection ${stream} ${id}, lost at ${s.toFixed(3)} s, ${decisions?.before.target ?? ""}`;
  return `<svg class="sequence" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escapeText(label)}" font-size="12" fill="currentColor" stroke="none">
${machines.map((name) => lifeline(name, x.get(name) ?? 0, height)).join("\n")}
${body}
</svg>`;
}

interface Times {
  /** Monotonic ns of the start of the traffic. */
  t0: number;
  events: readonly Named[];
}

type Named = Parameters<typeof eventLabel>[0] & { s: number };

const ROLES = ["tester", "router", "target"] as const;

/** Its place in ROLES. */
function rankOf(name: string): 0 | 1 | 2 {
  if (isTester(name)) return 0;
  return Number(name.slice(3)) > 200 && Number(name.slice(3)) < 300 ? 1 : 2;
}

/** The tester first, then routers, then targets in the order in which packets came to them. */
function columnsOf(hops: readonly Hop[]): string[] {
  const names = new Set(hops.flatMap(({ from, to }) => (to === null ? [from] : [from, to])));
  return [...names].sort((a, b) => rankOf(a) - rankOf(b));
}

type Row = { s: number; text: string } & (
  | { kind: "event" }
  | { kind: "left out" }
  | { kind: "hop"; hop: Hop }
  | { kind: "drop"; machine: string }
);

function rowsOf(
  { hops, drops }: Pick<Story, "hops" | "drops">,
  { t0, event }: { t0: number; event: Named | null },
): Row[] {
  const sOf = ({ t }: { t: number }) => (t - t0) / 1e9;
  const all = [
    ...hops.map((hop): Row => ({ kind: "hop", s: sOf(hop), text: hopText(hop), hop })),
    ...drops.map((drop): Row => ({ kind: "drop", s: sOf(drop), text: dropText(drop), machine: drop.machine })),
  ].sort((a, b) => a.s - b.s);
  const half = MOST_HOPS / 2;
  const leftOut = all.length - MOST_HOPS;
  const shown =
    leftOut <= 0
      ? all
      : [
          ...all.slice(0, half),
          { kind: "left out" as const, s: all[half]?.s ?? 0, text: `${count(leftOut)} more` },
          ...all.slice(-half),
        ];
  if (event === null) return shown;
  const at = shown.findIndex(({ s }) => s > event.s);
  return shown.toSpliced(at < 0 ? shown.length : at, 0, { kind: "event", s: event.s, text: eventLabel(event) });
}

function lifeline(name: string, x: number, height: number): string {
  return `<text x="${x}" y="18" text-anchor="middle" font-weight="bold">${escapeText(name)}</text><text x="${x}" y="32" text-anchor="middle" fill-opacity="0.7">${ROLES[rankOf(name)]}</text><path d="M${x} 38V${height - BOTTOM / 2}" stroke="currentColor" stroke-opacity="0.35"/>`;
}

function rowMarkup(row: Row, y: number, x: ReadonlyMap<string, number>, width: number): string {
  const time = `<text x="4" y="${y + 4}" fill-opacity="0.7">${row.s.toFixed(4)} s</text>`;
  if (row.kind === "drop") {
    const at = x.get(row.machine) ?? 0;
    const cross = `M${at - 5} ${y - 5}l10 10m0 -10l-10 10`;
    const isLeft = at < width / 2;
    const text = `<text x="${at + (isLeft ? 10 : -10)}" y="${y + 4}" text-anchor="${isLeft ? "start" : "end"}" fill="${TROUBLE}">${escapeText(row.text)}</text>`;
    return `${time}<path d="${cross}" stroke="${TROUBLE}" stroke-width="2"/>${text}`;
  }
  if (row.kind !== "hop") {
    const dash = row.kind === "event" ? "6 4" : "1 4";
    return `${time}<path d="M80 ${y}H${width - 8}" stroke="currentColor" stroke-dasharray="${dash}"/><text x="${width - 10}" y="${y - 4}" text-anchor="end">${escapeText(row.text)}</text>`;
  }
  const { hop, text } = row;
  const from = x.get(hop.from) ?? 0;
  const to = (hop.to === null ? undefined : x.get(hop.to)) ?? from + COLUMN / 2;
  const colour = isReset(hop) || hop.icmp ? TROUBLE : "currentColor";
  const head = `M${to} ${y}l${to > from ? -8 : 8} -4v8z`;
  return `${time}<g fill="${colour}"><path d="M${from} ${y}H${to}" stroke="${colour}"/><path d="${head}"/><text x="${(from + to) / 2}" y="${y - 4}" text-anchor="middle">${escapeText(text)}</text></g>`;
}
