// SPDX-License-Identifier: Apache-2.0
import { allCharts } from "./charts/index.ts";
import { drawFigures, type Figure } from "./figure.ts";
import type { Reporter } from "./reporter.ts";

export const png: Reporter = {
  name: "png",
  write: (data, dir) => drawFigures(allCharts(data), dir),
};

export const figures = (figure: Figure): Reporter => ({
  name: figure.format,
  write: (data, dir) => drawFigures(allCharts(data), dir, figure),
});
