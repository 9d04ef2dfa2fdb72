// SPDX-License-Identifier: Apache-2.0
// The script of every page: colours of the reader's scheme, legends as buttons, keys, tabs, filters; and a running test as it goes on.
import { addCopyButton } from "./copy.ts";
import { drawCharts } from "./draw.ts";
import { setUpFilters, setUpSearch } from "./filters.ts";
import { followLive } from "./live.ts";
import { setUpSorting } from "./sort.ts";
import { setUpTabs, showAllPanels } from "./tabs.ts";

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const draw = () => drawCharts(prefersDark.matches);

setUpTabs(draw);
setUpFilters();
setUpSearch();
setUpSorting();
draw();
followLive();
prefersDark.addEventListener("change", draw);
let backOnScreen = () => {};
addEventListener("beforeprint", () => {
  backOnScreen = showAllPanels();
  drawCharts(false);
});
addEventListener("afterprint", () => {
  backOnScreen();
  draw();
});
const command = document.getElementById("command-line");
if (command) addCopyButton(command);
