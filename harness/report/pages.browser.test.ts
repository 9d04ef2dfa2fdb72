// SPDX-License-Identifier: Apache-2.0
// The pages as a reader meets them: in a browser, with a mouse, a keyboard, a phone, in the dark.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { setPage } from "../set/page.ts";
import { entryOf } from "../set/set.ts";
import { findBrowser, NO_BROWSER, type Page, startBrowser } from "../testing/browser.ts";
import { isSkipped } from "../testing/skip.ts";
import { writeComparison } from "./comparison/write.ts";
import { failedRun, scaleRun } from "./fixture.ts";
import { loadAssets, renderHtml } from "./html.ts";

const browser = findBrowser();
const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-pages-"));
const shots = process.env.LOAD_BALANCER_SCREENSHOTS;
let page: Page;
let started = false;

test.before(async () => {
  if (browser === null) return;
  page = await startBrowser(browser);
  started = true;
});
test.after.always(async () => {
  if (started) await page.close();
  rmSync(dir, { recursive: true, force: true });
});

const inBrowser = (title: string, action: (t: ExecutionContext) => Promise<void>) =>
  test.serial(title, async (t) => {
    if (isSkipped(t, browser === null ? [NO_BROWSER] : [])) return;
    await page.emulate({ dark: false, width: 1200, height: 900 });
    await action(t);
  });

/** For looking at: LOAD_BALANCER_SCREENSHOTS=folder keeps the pictures. */
async function shoot(name: string): Promise<Buffer> {
  const png = await page.screenshot();
  if (shots) writeFileSync(path.join(shots, `${name}.png`), png);
  return png;
}

async function show(name: string, content: string): Promise<void> {
  const file = path.join(dir, name);
  writeFileSync(file, content);
  await page.open(`file://${file}`);
}

const widerThanWindow = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
const drawn = `[...document.querySelectorAll("canvas[data-chart]")].filter((c) => c.offsetParent && c.width > 100 && c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)).length`;

inBrowser(
  "a run's page draws its graphs, finds lost connections by text, and is no wider than the window",
  async (t) => {
    await show("report.html", renderHtml(scaleRun(), await loadAssets()));
    t.is(await page.run(drawn), 4);
    t.false(await page.run(widerThanWindow));
    await page.run(`document.querySelector("#lost details").open = true`);
    await page.run(
      `(() => { const input = document.querySelector("[data-find]"); input.value = "50.0.0.4"; input.dispatchEvent(new Event("input")); })()`,
    );
    t.is(
      await page.run(`[...document.querySelectorAll("#lost tbody tr")].filter((row) => !row.hidden).length`),
      6,
      "50.0.0.4 and 50.0.0.40 to .48",
    );
    t.is(await page.run(`document.querySelector("#lost [role=status]").textContent`), "6 of 60");
    t.true((await shoot("report")).length > 20_000);
  },
);

inBrowser("in the dark, and on a phone, a page is drawn in its colours and fits", async (t) => {
  await page.emulate({ dark: true, width: 390, height: 844 });
  await show("phone.html", renderHtml(failedRun(), await loadAssets()));
  t.is(await page.run(`getComputedStyle(document.body).backgroundColor`), "rgb(22, 26, 30)");
  t.false(await page.run(widerThanWindow));
  t.is(await page.run(drawn), 4);
  t.true((await shoot("phone-dark")).length > 5000);
});

inBrowser("tabs are chosen by keys, and a graph is drawn when its tab is first shown", async (t) => {
  const entry = (backend: string) => ({ label: backend, backend, value: null, runs: [scaleRun()] });
  await writeComparison(
    { scenario: "scale", entries: ["a", "b", "c"].map(entry), sweep: null, commandLine: ["compare"] },
    dir,
  );
  await page.open(`file://${path.join(dir, "compare.html")}`);
  t.is(await page.run(drawn), 7, "three of the comparison and four of the first run");
  const shown = `[...document.querySelectorAll("[role=tabpanel]")].map((panel) => panel.hidden ? "" : panel.id).join("")`;
  await page.run(`document.getElementById("tab0").focus()`);
  await page.key("ArrowRight");
  t.is(await page.run(shown), "panel1");
  t.is(await page.run("document.activeElement.id"), "tab1");
  await page.key("End");
  t.is(await page.run(shown), "panel2");
  await page.key("ArrowRight");
  t.is(await page.run(shown), "panel0");
  t.is(await page.run(drawn), 7);
  await shoot("compare");
  await page.run(`dispatchEvent(new Event("beforeprint"))`);
  t.is(await page.run(drawn), 15, "on paper every run is shown");
  await page.run(`dispatchEvent(new Event("afterprint"))`);
  t.is(await page.run(shown), "panel0");
});

inBrowser("the page of a set is filtered by its columns", async (t) => {
  const entry = (data: ReturnType<typeof scaleRun>) => entryOf([{ run: data.run, summary: data.summary, dir: "a" }]);
  await show(
    "index.html",
    await setPage({
      entries: [entry(scaleRun()), entry(failedRun()), entry(scaleRun())],
      missing: ["Shard 2 of 2 is missing."],
      commandLine: ["test"],
    }),
  );
  t.is(await page.run(`document.getElementById("shown").textContent`), "3 of 3 shown");
  await page.run(
    `(() => { const select = document.querySelector('[data-filter="4"]'); select.value = "fail"; select.dispatchEvent(new Event("change")); })()`,
  );
  t.is(await page.run(`document.getElementById("shown").textContent`), "1 of 3 shown");
  await shoot("index");
});

inBrowser("the page of a set is sorted by each column, both ways, numbers as numbers", async (t) => {
  const made = (seed: number, lost: number, startedAt: string) => {
    const { run, summary } = scaleRun();
    const events = summary.events.map((event, i) => (i === 0 ? { ...event, lost } : event));
    return entryOf([{ run: { ...run, startedAt }, summary: { ...summary, seed, events }, dir: `${seed}` }]);
  };
  await show(
    "sorted.html",
    await setPage({
      entries: [
        made(10, 9, "2026-02-03T04:05:06Z"),
        made(9, 1000, "2026-03-01T00:00:00Z"),
        made(100, 70, "2026-01-09T00:00:00Z"),
      ],
      missing: [],
      commandLine: ["test"],
    }),
  );
  const click = (name: string) =>
    page.run(
      `[...document.querySelectorAll("#set th")].find((th) => th.textContent === "${name}").querySelector("button").click()`,
    );
  const column = (name: string) =>
    page.run<string>(
      `[...document.querySelectorAll('#set td[data-name="${name}"]')].map((td) => td.textContent).join(" ")`,
    );
  await click("Seed");
  t.is(await column("Seed"), "9 10 100");
  await click("Seed");
  t.is(await column("Seed"), "100 10 9");
  t.is(await page.run(`document.querySelectorAll("[aria-sort]").length`), 1);
  await click("Lost at events");
  t.is(await column("Seed"), "10 100 9");
  await click("Date (UTC)");
  t.is(await column("Date (UTC)"), "2026-01-09 00:00 2026-02-03 04:05 2026-03-01 00:00");
  t.regex(
    await page.run(`document.querySelector(".parameters").textContent`),
    /revision 0123456789; machine lab, 2 CPUs/,
  );
});

inBrowser(
  "a run of a million connections and 250 targets opens as fast as another: its lists are bounded",
  async (t) => {
    const data = scaleRun({ targets: 250, leaving: 25, connections: 1_000_000, durationS: 200 });
    const lost = Array.from({ length: 1000 }, (_, i) => ({
      ...(data.series.lost[i % 60] as (typeof data.series.lost)[number]),
      id: `${i}.0`,
    }));
    const content = renderHtml({ ...data, series: { ...data.series, lost } }, await loadAssets());
    t.true(content.length < 3e6, `${content.length} bytes`);
    const begin = performance.now();
    await show("million.html", content);
    t.is(await page.run(drawn), 4);
    const seconds = (performance.now() - begin) / 1000;
    t.log(`opened and drawn in ${seconds.toFixed(2)} s`);
    t.true(seconds < 15, "3 s on a machine that has nothing else to do");
  },
);
