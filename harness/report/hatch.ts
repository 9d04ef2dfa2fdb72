// SPDX-License-Identifier: Apache-2.0
// Lines across an area: areas of one shade of grey are told apart by their direction. Drawn as lines, so that vector files stay so.

interface Lines {
  /** x to the right and y down. */
  directions: readonly (readonly [x: number, y: number])[];
  /** Pixels. */
  dash: readonly number[];
  /** Of the ground around the area, or of its letters. */
  colour: "surface" | "ink";
}

const APART_PIXELS = 6;
const LINE_PIXELS = 1.8;
const LIGHT_LINES = { dash: [], colour: "surface" } as const;

const HATCHES = {
  rising: { ...LIGHT_LINES, directions: [[1, -1]] },
  falling: { ...LIGHT_LINES, directions: [[1, 1]] },
  level: { ...LIGHT_LINES, directions: [[1, 0]] },
  upright: { ...LIGHT_LINES, directions: [[0, 1]] },
  crossed: {
    ...LIGHT_LINES,
    directions: [
      [1, 1],
      [1, -1],
    ],
  },
  inked: { directions: [[1, -1]], dash: [], colour: "ink" },
  dotted: { ...LIGHT_LINES, directions: [[1, 0]], dash: [2, 4] },
} as const satisfies Record<string, Lines>;

export type Hatch = keyof typeof HATCHES;

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** An area that is no box has its outline, too. */
export interface Area extends Box {
  outline?: readonly (readonly [x: number, y: number])[];
}

/** Of a canvas, what is used here; the library's own type needs a browser's. */
export interface HatchContext {
  save(): void;
  restore(): void;
  beginPath(): void;
  rect(x: number, y: number, width: number, height: number): void;
  clip(): void;
  moveTo(x: number, y: number): void;
  lineTo(x: number, y: number): void;
  stroke(): void;
  setLineDash(dash: number[]): void;
  strokeStyle: unknown;
  lineWidth: number;
}

/** A line passes through the middle of the box, so that the smallest has one. */
export function drawHatch(
  ctx: HatchContext,
  hatch: Hatch,
  { left, top, width, height, outline }: Area,
  colours: { surface?: unknown; ink?: unknown },
): void {
  const { directions, dash, colour }: Lines = HATCHES[hatch];
  const reach = Math.hypot(width, height) / 2;
  const lines = Math.ceil(reach / APART_PIXELS);
  ctx.save();
  ctx.beginPath();
  if (outline) for (const at of outline) ctx.lineTo(...at);
  else ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.strokeStyle = colours[colour];
  ctx.lineWidth = LINE_PIXELS;
  ctx.setLineDash([...dash]);
  ctx.beginPath();
  for (const [x, y] of directions) {
    const length = Math.hypot(x, y);
    const [dx, dy] = [x / length, y / length];
    for (let i = -lines; i <= lines; i++) {
      const [cx, cy] = [left + width / 2 - dy * i * APART_PIXELS, top + height / 2 + dx * i * APART_PIXELS];
      ctx.moveTo(cx - dx * reach, cy - dy * reach);
      ctx.lineTo(cx + dx * reach, cy + dy * reach);
    }
  }
  ctx.stroke();
  ctx.restore();
}
