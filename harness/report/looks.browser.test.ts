// SPDX-License-Identifier: Apache-2.0
// Every page in every look: on a phone and a wide screen, in the dark, without colours, on paper. Nothing is cut off, and axe finds
// nothing. LOAD_BALANCER_SCREENSHOTS=folder keeps the pictures to look at.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { setPage } from "../set/page.ts";
import { entryOf } from "../set/set.ts";
import { historyPage } from "../set/trend.ts";
import { findBrowser, type Look, NO_BROWSER, type Page, startBrowser } from "../testing/browser.ts";
import { isSkipped } from "../testing/skip.ts";
import { writeComparison } from "./comparison/write.ts";
import { failedRun, scaleRun } from "./fixture.ts";
import { tableMarkup } from "./html/markup.ts";
import { loadAssets, renderHtml, renderPage } from "./html.ts";

const browser = findBrowser();
const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-looks-"));
const shots = process.env.LOAD_BALANCER_SCREENSHOTS;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let page: Page | null = null;

test.before(async () => {
  if (browser !== null) page = await startBrowser(browser);
});
test.after.always(async () => {
  await page?.close();
  rmSync(dir, { recursive: true, force: true });
});

const LOOKS: Readonly<Record<string, Look>> = {
  phone: { dark: false, width: 390, height: 844 },
  "phone-dark": { dark: true, width: 390, height: 844 },
  wide: { dark: false, width: 1600, height: 1000 },
  dark: { dark: true, width: 1600, height: 1000 },
  grey: { dark: false, width: 1600, height: 1000, grey: true },
};
/** The looks that differ for axe: by layout and by colours. */
const AXE = new Set(["phone-dark", "wide"]);
/** Of A4 with the browser's margins of 1 cm. */
const PAPER: Look = { dark: false, width: 718, height: 1000, print: true };

const BACKENDS = "ecmp ecmp_resilient iptables_statistic nftables haproxy nfqueue";

async function writeComparisonPage(): Promise<string> {
  const entries = BACKENDS.split(" ").map((backend, i) => {
    const data = i % 4 === 3 ? failedRun() : scaleRun();
    const run = { ...data, summary: { ...data.summary, backend, case: `${backend}_scale` } };
    return { label: backend, backend, value: null, runs: [run] };
  });
  const commandLine = ["./load-balancer.ts", "compare", ...BACKENDS.split(" "), "--scenario", "scale"];
  await writeComparison({ scenario: "scale", entries, sweep: null, commandLine }, dir);
  return path.join(dir, "compare.html");
}

async function write(name: string, content: string): Promise<string> {
  writeFileSync(path.join(dir, name), content);
  return path.join(dir, name);
}

const attempt = ({ run, summary }: ReturnType<typeof scaleRun>) => ({ run, summary, dir: "a" });

const PAGES: Readonly<Record<string, () => Promise<string>>> = {
  report: async () => write("report.html", renderHtml(scaleRun(), await loadAssets())),
  failed: async () => write("failed.html", renderHtml(failedRun(), await loadAssets())),
  compare: writeComparisonPage,
  skipped: async () => {
    const { run, summary, series } = scaleRun();
    const none = { ...summary.connections, planned: 0, established: 0, lost: 0 };
    const reasons = [
      "This kernel has no IPVS. Run 'modprobe -a ip_vs' as root, or use another kernel: '--runtime vm'.",
    ];
    const skipped = { ...summary, verdict: "skip" as const, reasons, events: [], connections: none };
    return write("skipped.html", renderHtml({ run, summary: skipped, series }, await loadAssets()));
  },
  history: async () => write("history.html", await historyPage([scaleRun(), failedRun(), scaleRun()].map(attempt))),
  index: async () => {
    const entries = [scaleRun(), failedRun(), scaleRun()].map((data) => entryOf([attempt(data)]));
    return write(
      "index.html",
      await setPage({ entries, missing: ["Shard 2 of 2 is missing."], commandLine: ["test"] }),
    );
  },
};

/**
 * What a reader cannot see: text beyond the window's edge, or cut by its own box. What scrolls within the page can be reached, but
 * not on paper.
 */
const hidden = (onPaper: boolean) => `(() => {
  const edge = document.documentElement.clientWidth;
  const found = innerWidth > edge + 20 ? ["the page is " + innerWidth + " wide, the window " + edge] : [];
  for (const e of document.querySelectorAll("body *")) {
    if (!e.offsetParent || e.closest("details:not([open])") || getComputedStyle(e).clipPath !== "none") continue;
    const scrolls = e.closest(".scroll, pre");
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim() !== "");
    const box = e.getBoundingClientRect();
    if ((own || e.tagName === "CANVAS") && (!scrolls || ${onPaper}) && (box.right > edge + 1 || box.left < -1))
      found.push(e.tagName + ": " + e.textContent.slice(0, 40));
    if (${onPaper} && e.matches(".scroll, pre") && (e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1))
      found.push("cut: " + (e.getAttribute("aria-label") ?? e.id));
  }
  return [...new Set(found)].slice(0, 5);
})()`;

const violations = `(async () => { ${axe}; const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
  return violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html.slice(0, 90)).join(" | ")); })()`;

/** Opens it, with everything drawn. */
async function open(shown: Page, file: string, look: Look): Promise<void> {
  await shown.emulate(look);
  await shown.open(`file://${file}`);
}

async function keep(name: string, bytes: Promise<Buffer>): Promise<void> {
  const content = await bytes;
  if (shots) writeFileSync(path.join(shots, name), content);
}

const withPage = (title: string, action: (t: ExecutionContext, page: Page) => Promise<void>) =>
  test.serial(title, async (t) => {
    if (isSkipped(t, browser === null ? [NO_BROWSER] : []) || !page) return;
    await action(t, page);
  });

for (const [name, make] of Object.entries(PAGES))
  withPage(`${name}: nothing is cut off in any look, and axe finds nothing`, async (t, shown) => {
    const file = await make();
    for (const [look, emulated] of Object.entries(LOOKS)) {
      await open(shown, file, emulated);
      t.deepEqual(await shown.run(hidden(false)), [], look);
      if (AXE.has(look)) t.deepEqual(await shown.run(violations), [], look);
      if (shots) await keep(`${name}-${look}.png`, shown.screenshot(true));
    }
    await open(shown, file, PAPER);
    t.deepEqual(await shown.run(hidden(true)), [], "on paper");
    const pdf = await shown.print();
    t.true(pdf.subarray(0, 5).equals(Buffer.from("%PDF-")));
    if (shots) await keep(`${name}.pdf`, Promise.resolve(pdf));
  });

withPage("a table that is too wide, and a picture without a name, are found", async (t, shown) => {
  const row = Array.from({ length: 40 }, (_, i) => `column ${i}`);
  const body = `<h1>x</h1><img src="x.png"><p style="width:3000px">far</p>${tableMarkup({ head: row, rows: [row] }, "wide")}`;
  const file = await write("faulty.html", renderPage({ title: "x", body, charts: [] }, await loadAssets()));
  await open(shown, file, { ...PAPER, print: false });
  t.regex(String(await shown.run(violations)), /image-alt/);
  await open(shown, file, PAPER);
  t.regex(String(await shown.run(hidden(true))), /column|cut/);
});
