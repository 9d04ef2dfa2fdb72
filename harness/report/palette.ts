// SPDX-License-Identifier: Apache-2.0
// Colours of the charts. Categories use the colours of Okabe and Ito, which stay apart for colour-blind readers;
// lines differ in their dashes as well, and areas in their hatches. Chart definitions hold the light colours; DARK says what each becomes on dark ground.

import type { RootCause } from "../record/schema.ts";
import type { Hatch } from "./hatch.ts";

export const LIGHT = {
  ink: "#1f2933",
  muted: "#59656f",
  grid: "#e2e6ea",
  surface: "#ffffff",
  band: "rgba(90, 70, 160, 0.16)",
  ideal: "#0072b1",
  predicted: "#c3a2ea",
  failed: "#8d99a5",
  staying: "#4a7dab",
  leaving: "#de7a20",
} as const;

/** One hue for each kind: the choice of a target, targets, state, the network, and what is no fault of the balancer's. */
export const ROOT_COLOURS: Record<RootCause, string> = {
  moved_by_table: "#d55e00",
  stale_table: "#e69f00",
  misrouted: "#a33c00",
  target_gone: "#009e73",
  target_dead: "#00664a",
  target_frozen: "#66c2a5",
  target_slow: "#8fce00",
  target_full: "#5a8000",
  state_flushed: "#cc79a7",
  state_missing: "#8e4585",
  state_evicted: "#b5518b",
  state_expired: "#e0a3c8",
  not_tracked: "#6a3d9a",
  balancer_down: "#990f26",
  rules_missing: "#cc4455",
  queue_overrun: "#c2ad00",
  dropped_by_router: "#8c7a00",
  no_route: "#56b4e9",
  reverse_path_filter: "#2b8cc4",
  mtu: "#0072b2",
  checksum: "#9ecae1",
  link_loss: "#08519c",
  link_down: "#4a7dab",
  foreign_reset: "#f0706a",
  port_reused: "#a87400",
  generator: "#6f7b87",
  lab: "#a3adb7",
  unknown: "#1f2933",
};

/** Of areas side by side, in their order; null is a plain one. Beyond the last they begin anew. */
const HATCHES: readonly (Hatch | null)[] = [
  null,
  "rising",
  "falling",
  "level",
  "upright",
  "crossed",
  "inked",
  "dotted",
];
export const hatchAt = (i: number): Hatch | null => at(HATCHES, i);

export const LEAVING_HATCH: Hatch = "rising";

export const PERCENTILE_COLOURS = { p50: "#0072b2", p99: "#009e73", p999: "#e69f00", max: "#d55e00" } as const;

/** Light colour to dark colour. A colour that is not named here reads well on both. */
export const DARK: Readonly<Record<string, string>> = {
  [LIGHT.ink]: "#e8ebee",
  [LIGHT.muted]: "#a3adb7",
  [LIGHT.grid]: "#2e363e",
  [LIGHT.surface]: "#161a1e",
  [LIGHT.band]: "rgba(180, 160, 255, 0.22)",
  [LIGHT.ideal]: "#5db4ee",
  [LIGHT.predicted]: "#7a4fb5",
  [ROOT_COLOURS.mtu]: "#3d9be0",
  [ROOT_COLOURS.target_dead]: "#1fa37e",
  [ROOT_COLOURS.misrouted]: "#e8703a",
  [ROOT_COLOURS.link_loss]: "#5e9ede",
};

type Rgb = readonly [number, number, number];
/** Blues for what stays, oranges for what leaves: they differ in lightness too. */
const RAMPS = {
  staying: [
    [38, 88, 138],
    [168, 203, 230],
  ],
  leaving: [
    [196, 78, 0],
    [245, 178, 102],
  ],
} as const satisfies Record<string, readonly [Rgb, Rgb]>;

/** `n` colours from the dark to the light end of a ramp. */
export function ramp(name: keyof typeof RAMPS, n: number): string[] {
  const [from, to] = RAMPS[name];
  return Array.from({ length: n }, (_, i) => {
    const at = n === 1 ? 0 : i / (n - 1);
    const [r, g, b] = [0, 1, 2].map((k) => Math.round((from[k] ?? 0) + at * ((to[k] ?? 0) - (from[k] ?? 0))));
    return `rgb(${r}, ${g}, ${b})`;
  });
}

/** Lines of several runs in one graph: colour, dashes and mark repeat at different lengths, so that no two of 15 are alike. */
const SERIES_COLOURS = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#b5518b",
  "#a87400",
  "#2b8cc4",
  "#8a4fc9",
  "#6f7b87",
] as const;
const SERIES_DASHES: readonly (readonly number[])[] = [[], [9, 4], [2, 3], [12, 3, 2, 3], [5, 2]];
const SERIES_MARKS = ["circle", "triangle", "rectRounded", "rectRot", "crossRot", "star"] as const;

export interface SeriesStyle {
  colour: string;
  dash: number[];
  mark: (typeof SERIES_MARKS)[number];
}

export function seriesStyle(i: number): SeriesStyle {
  return { colour: at(SERIES_COLOURS, i), dash: [...at(SERIES_DASHES, i)], mark: at(SERIES_MARKS, i) };
}

const at = <T>(items: readonly T[], i: number): T => items[i % items.length] as T;
