// SPDX-License-Identifier: Apache-2.0
// Draws the graphs of a report in the reader's browser: colours of the reader's scheme, legends as buttons, arrow keys.
"use strict";

(() => {
  const { Chart } = globalThis;
  const definitions = document.getElementById("charts").textContent;
  const darkColours = JSON.parse(document.getElementById("dark-colours").textContent);
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const charts = new Map();
  Chart.Interaction.modes.place = nearestPlace;

  setUpTabs();
  setUpFilters();
  setUpSearch();
  draw(prefersDark.matches);
  followLive();
  prefersDark.addEventListener("change", () => draw(prefersDark.matches));
  addEventListener("beforeprint", () => draw(false));
  addEventListener("afterprint", () => draw(prefersDark.matches));
  const command = document.getElementById("command-line");
  if (command) addCopyButton(command);

  /** Draws every graph anew; what the reader has hidden stays hidden. */
  function draw(dark) {
    const configs = JSON.parse(definitions, (_, value) => (dark && darkColours[value]) || value);
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
      // A hidden place has no size: it is drawn when its tab is chosen.
      if (canvas.closest("[hidden]")) continue;
      const config = configs[canvas.dataset.chart];
      const old = charts.get(canvas);
      config.data.datasets.forEach((dataset, i) => {
        dataset.hidden = old !== undefined && !old.isDatasetVisible(i);
      });
      old?.destroy();
      const chart = new Chart(canvas, interactive(config));
      charts.set(canvas, chart);
      drawLegend(chart, canvas);
      if (old === undefined) addKeys(canvas);
    }
  }

  /** The definition with what only a page needs: it follows the size of its place and has a tooltip. */
  function interactive(config) {
    const { options } = config;
    const timed = options.scales.x.title.text.endsWith("(s)");
    const small = innerWidth < 640;
    options.maintainAspectRatio = false;
    options.interaction = { mode: "place" };
    options.font = { size: small ? 11 : 12, family: getComputedStyle(document.body).fontFamily };
    options.plugins.legend.display = false;
    options.plugins.tooltip = {
      callbacks: { title: ([item]) => item && (timed ? `${item.label} s` : item.label) },
    };
    for (const { label } of Object.values(options.plugins.annotation.annotations)) {
      // Intervals and reference lines have no label.
      if (!label) continue;
      label.font.size = small ? 10 : 12;
      // On a narrow page two labels side by side would touch.
      if (small) label.content = label.content.split(/ (?=\S+$)/);
    }
    return config;
  }

  function drawLegend(chart, canvas) {
    const legend = document.createElement("ul");
    legend.className = "legend";
    legend.setAttribute("aria-label", "Lines and areas of the graph, to show or hide");
    chart.data.datasets.forEach((dataset, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(swatch(dataset), dataset.label);
      button.setAttribute("aria-pressed", String(chart.isDatasetVisible(i)));
      button.addEventListener("click", () => {
        chart.setDatasetVisibility(i, !chart.isDatasetVisible(i));
        chart.update();
        button.setAttribute("aria-pressed", String(chart.isDatasetVisible(i)));
      });
      const item = document.createElement("li");
      item.append(button);
      legend.append(item);
    });
    const place = canvas.parentElement;
    const old = place.nextElementSibling;
    if (old?.className === "legend") old.replaceWith(legend);
    else place.after(legend);
  }

  function swatch({ pointStyle, backgroundColor, borderColor, borderDash }) {
    const mark = document.createElement("span");
    mark.className = "swatch";
    mark.ariaHidden = "true";
    if (pointStyle === "line") {
      const dash = borderDash?.[0] ?? 0;
      mark.style.borderTop = `3px ${dash === 0 ? "solid" : dash < 4 ? "dotted" : "dashed"} ${borderColor}`;
    } else {
      mark.style.height = "0.7rem";
      mark.style.background = [backgroundColor].flat()[0];
    }
    return mark;
  }

  /** The arrow keys move the tooltip from point to point, Escape closes it. */
  function addKeys(canvas) {
    let at = -1;
    canvas.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity, Escape: 0 };
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const chart = charts.get(canvas);
      const stops = pointsByPlace(chart);
      at = Math.min(stops.length - 1, Math.max(0, at + step));
      const active = step === 0 ? [] : (stops[at] ?? []);
      chart.setActiveElements(active);
      chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
      chart.update();
    });
    canvas.addEventListener("blur", () => {
      charts.get(canvas).tooltip.setActiveElements([], { x: 0, y: 0 });
      charts.get(canvas).update();
    });
  }

  /** The points that are drawn, those above each other together, from left to right. The band has none of its own. */
  function pointsByPlace(chart) {
    const places = new Map();
    for (const meta of chart.getSortedVisibleDatasetMetas()) {
      const { data, fill } = chart.data.datasets[meta.index];
      if (fill === "shape") continue;
      meta.data.forEach((element, index) => {
        if (data[index].y === null) return;
        const x = Math.round(element.x);
        if (!places.has(x)) places.set(x, []);
        places.get(x).push({ element, datasetIndex: meta.index, index });
      });
    }
    return [...places].sort(([a], [b]) => a - b).map(([, points]) => points);
  }

  /** For the pointer: the points at the place nearest to it. The library's own modes would stop at bars without height. */
  function nearestPlace(chart, { x }) {
    const distance = (points) => Math.abs(points[0].element.x - x);
    return pointsByPlace(chart).reduce((best, points) => (best.length > 0 && distance(best) <= distance(points) ? best : points), []);
  }

  /** A running test: the server sends all there was, and then each point. */
  function followLive() {
    const canvas = document.querySelector('canvas[data-chart="live"]');
    if (!canvas) return;
    const text = (id, words) => {
      document.getElementById(id).textContent = words;
    };
    const log = document.getElementById("live-log");
    const add = ({ s, alive, lost, note }) => {
      const [first, second] = charts.get(canvas).data.datasets;
      first.data.push({ x: s, y: alive });
      second.data.push({ x: s, y: lost });
      text("live-numbers", `${alive} connections alive, ${lost} lost`);
      if (note === undefined) return;
      const item = document.createElement("li");
      item.textContent = `${s.toFixed(1)} s: ${note}`;
      log.append(item);
    };
    const source = new EventSource("events");
    source.addEventListener("state", ({ data }) => {
      const state = JSON.parse(data);
      for (const dataset of charts.get(canvas).data.datasets) dataset.data = [];
      log.replaceChildren();
      text("live-title", state.case === null ? "Waiting for a run" : `${state.case}, seed ${state.seed}`);
      text("live-phase", state.phase);
      text("live-numbers", "");
      for (const point of state.points) add(point);
      if (state.outcome) text("live-numbers", `${state.outcome.verdict.toUpperCase()}: ${state.outcome.headline}`);
      charts.get(canvas).update();
    });
    source.addEventListener("point", ({ data }) => {
      add(JSON.parse(data));
      text("live-phase", "traffic");
      charts.get(canvas).update();
    });
    source.addEventListener("error", () => text("live-phase", "the program has ended"));
  }

  /** Text that a row of the table below must contain. */
  function setUpSearch() {
    for (const input of document.querySelectorAll("input[data-find]")) {
      const rows = [...input.closest(".filters").nextElementSibling.querySelectorAll("tbody tr")];
      const texts = rows.map((row) => row.textContent.toLowerCase());
      const status = input.closest(".filters").querySelector("[role=status]");
      input.addEventListener("input", () => {
        const wanted = input.value.trim().toLowerCase();
        rows.forEach((row, i) => {
          row.hidden = !texts[i].includes(wanted);
        });
        status.textContent = wanted === "" ? "" : `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
      });
    }
  }

  /** Rows that fit all chosen values are shown. */
  function setUpFilters() {
    const selects = [...document.querySelectorAll("select[data-filter]")];
    if (selects.length === 0) return;
    const rows = [...document.querySelectorAll("#set tbody tr")];
    const apply = () => {
      const fits = (row) => selects.every(({ value, dataset }) => value === "" || row.getAttribute(`data-f${dataset.filter}`) === value);
      for (const row of rows) row.hidden = !fits(row);
      document.getElementById("shown").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} shown`;
    };
    for (const select of selects) select.addEventListener("change", apply);
    apply();
  }

  /** One panel at a time; arrow keys, Home and End go from tab to tab. */
  function setUpTabs() {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
    const choose = (chosen) => {
      for (const tab of tabs) {
        tab.setAttribute("aria-selected", String(tab === chosen));
        tab.tabIndex = tab === chosen ? 0 : -1;
        panelOf(tab).hidden = tab !== chosen;
      }
    };
    for (const [i, tab] of tabs.entries()) {
      tab.addEventListener("click", () => {
        choose(tab);
        draw(prefersDark.matches);
      });
      tab.addEventListener("keydown", (event) => {
        const to = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        const next = tabs[(to + tabs.length) % tabs.length];
        next.focus();
        next.click();
      });
    }
    if (tabs.length > 0) choose(tabs[0]);
  }

  function addCopyButton(command) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(command);
      // Where a page from disk has no clipboard, the text is selected at least.
      const copied = await navigator.clipboard?.writeText(command.textContent).then(
        () => true,
        () => false,
      );
      button.textContent = copied ? "Copied" : "Selected";
    });
    command.after(button);
  }
})();
