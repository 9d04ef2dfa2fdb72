// SPDX-License-Identifier: Apache-2.0
// A scenario as a picture: what happens when. Pure.
import type { Plan, Step } from "../api/scenario.ts";
import { memberNoun } from "../events/meaning.ts";
import { plural } from "../util/numbers.ts";

const [WIDTH, LEFT, RIGHT, TOP, BAR, ROW] = [760, 24, 24, 62, 22, 20] as const;
const MOST_ROWS = 8;
const COLOUR = { ink: "#1c1e21", grey: "#6a6f76", traffic: "#cfe2f3", flood: "#f5c6a5", event: "#b3410e" } as const;
/** Mode "connect" has no length of its own. */
const CONNECT_S = 2;

/** One line of time, with the traffic as a bar, and a row of words for each event. */
export function scenarioSvg(name: string, plan: Plan): string {
  const { steps, flood, visitsS = [] } = plan;
  const marks = [
    ...steps.map(markOf),
    ...visitsS.map((atS) => ({ atS, words: "every client opens a connection" })),
  ].sort((a, b) => a.atS - b.atS);
  const shown = marks.slice(0, MOST_ROWS);
  const left = marks.length - shown.length;
  const lasts = Math.max(plan.durationS, ...marks.map(({ atS }) => atS), 0) || CONNECT_S;
  const x = (atS: number) => LEFT + ((WIDTH - LEFT - RIGHT) * atS) / lasts;
  const rows = shown.length + (left > 0 ? 1 : 0);
  const height = TOP + BAR + 24 + rows * ROW + 8;
  const body = [
    text({ x: LEFT, y: 24, size: 15, weight: "bold" }, name),
    text({ x: LEFT, y: 46, size: 12, fill: COLOUR.grey }, trafficOf(plan)),
    rect(x(0), x(lasts), COLOUR.traffic),
    ...(flood ? [rect(x(flood.fromS), x(flood.untilS), COLOUR.flood)] : []),
    ...marks.map(({ atS }) => line(x(atS), TOP - 4, TOP + BAR + 4)),
    ...[0, lasts].map((atS, i) =>
      text({ x: x(atS), y: TOP + BAR + 16, size: 11, anchor: i === 0 ? "start" : "end" }, `${atS} s`),
    ),
    ...shown.map(({ atS, words }, i) =>
      text({ x: LEFT, y: TOP + BAR + 40 + i * ROW, size: 12 }, `${round(atS)} s: ${words}`),
    ),
    ...(left > 0 ? [text({ x: LEFT, y: TOP + BAR + 40 + shown.length * ROW, size: 12 }, `and ${left} more`)] : []),
  ];
  return `<!-- SPDX-License-Identifier: Apache-2.0 -->
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">
<title>Scenario ${name}: ${plural(steps.length, "event")}</title>
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${body.join("\n")}
</svg>
`;
}

function markOf({ atS, event, members, weights }: Step): { atS: number; words: string } {
  const [one, many] = event.words.now;
  const noun = memberNoun(event);
  const who = `${noun}${members.length === 1 ? "" : "s"} ${members.join(", ")}`;
  const given = weights ? ` (weights ${weights.join(", ")})` : "";
  return { atS, words: `${who} ${members.length === 1 ? one : many}${given}` };
}

const TRAFFIC: Readonly<Record<Plan["mode"], string>> = {
  connect: "each connection asks once",
  stream: "connections that last",
  fragments: "datagrams in fragments",
};

function trafficOf({ mode, arrivals, flood, out, silenceS, directS, attack, squeezeMtu, paths }: Plan): string {
  return [
    TRAFFIC[mode],
    ...(arrivals === undefined ? [] : [`${arrivals} new ones a second`]),
    ...(flood ? [`others flood from ${flood.fromS} to ${flood.untilS} s`] : []),
    ...(attack ? [`attackers want target ${attack.victim}`] : []),
    ...(out.length > 0 ? [`without ${out.length === 1 ? "target" : "targets"} ${out.join(", ")} at first`] : []),
    ...(silenceS === undefined ? [] : [`silent for ${silenceS} s`]),
    ...(directS === undefined ? [] : [`from ${directS} s on to targets' own addresses, too`]),
    ...(squeezeMtu === undefined ? [] : [`a link of ${squeezeMtu} bytes`]),
    ...(paths ? [`${paths} paths each`] : []),
  ].join("; ");
}

const round = (s: number) => Number(s.toFixed(2));
const rect = (from: number, to: number, fill: string) =>
  `<rect x="${round(from)}" y="${TOP}" width="${round(to - from)}" height="${BAR}" fill="${fill}"/>`;
const line = (at: number, from: number, to: number) =>
  `<line x1="${round(at)}" y1="${from}" x2="${round(at)}" y2="${to}" stroke="${COLOUR.event}" stroke-width="2"/>`;

interface Place {
  x: number;
  y: number;
  size: number;
  weight?: string;
  anchor?: string;
  fill?: string;
}

function text({ x, y, size, weight, anchor = "start", fill = COLOUR.ink }: Place, words: string): string {
  const bold = weight === undefined ? "" : ` font-weight="${weight}"`;
  const safe = words.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${round(x)}" y="${y}" font-size="${size}"${bold} text-anchor="${anchor}" fill="${fill}">${safe}</text>`;
}
