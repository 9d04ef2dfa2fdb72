// SPDX-License-Identifier: Apache-2.0
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Chart } from "./charts/chart.ts";
import { allCharts } from "./charts/index.ts";
import { escapeText, inlineJson } from "./html/markup.ts";
import {
  chartMarkup,
  eventsMarkup,
  factsMarkup,
  isEmpty,
  logMarkup,
  lostMarkup,
  originMarkup,
  storiesMarkup,
  verdictMarkup,
} from "./html/sections.ts";
import { DARK } from "./palette.ts";
import type { ReportData, Reporter } from "./reporter.ts";

export const html: Reporter = {
  name: "html",
  async write(data, dir) {
    await writeFile(join(dir, "report.html"), renderHtml(data, await loadAssets()));
  },
};

export interface Assets {
  style: string;
  /** In the order in which they must run. */
  scripts: string[];
}

/** The parts of the page that do not depend on the run: the style, the chart library and the script that draws. */
export async function loadAssets(): Promise<Assets> {
  const require = createRequire(import.meta.url);
  const library = (module: string, file: string) =>
    readFile(join(dirname(require.resolve(module)), file), "utf8").then(withoutSourceMap);
  const [style, ...scripts] = await Promise.all([
    readFile(new URL("./page/page.css", import.meta.url), "utf8"),
    library("chart.js", "chart.umd.js"),
    library("chartjs-plugin-annotation", "chartjs-plugin-annotation.min.js"),
    pageScript(),
  ]);
  return { style, scripts };
}

/** A source map would be looked for beside the report. */
const withoutSourceMap = (script: string) => script.replace(/^\/\/# sourceMappingURL=.*$/gm, "").trim();

let built: Promise<string> | null = null;

/** The script of page/, in one piece for browsers; built once in a process. */
function pageScript(): Promise<string> {
  built ??= buildPage();
  return built;
}

async function buildPage(): Promise<string> {
  // Only those who write pages pay for loading it.
  const { build } = await import("esbuild");
  const entry = fileURLToPath(new URL("./page/main.ts", import.meta.url));
  const made = await build({
    entryPoints: [entry],
    // Paths in what is built do not depend on where the program is called.
    absWorkingDir: dirname(entry),
    bundle: true,
    write: false,
    format: "iife",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    tsconfigRaw: "{}",
  });
  return (made.outputFiles[0]?.text ?? "").trim();
}

/**
 * One file that opens from disk. The policy allows its own scripts by their hashes and nothing else, no network at all.
 * The first chart follows the headline, which says what its caption would.
 */
export function renderHtml(data: ReportData, assets: Assets): string {
  const [lost, ...others] = allCharts(data);
  const charts = lost ? [lost, ...others] : [];
  return renderPage(
    {
      title: `${data.summary.case}: ${data.summary.verdict}`,
      charts,
      body: [
        verdictMarkup(data),
        ...(lost
          ? [
              NO_SCRIPT,
              chartMarkup(lost, { captioned: false }),
              eventsMarkup(data),
              storiesMarkup(data),
              lostMarkup(data),
              ...others.map((chart) => chartMarkup(chart)),
              logMarkup(data),
              factsMarkup(data),
            ]
          : []),
        originMarkup(data),
      ].join("\n"),
    },
    assets,
  );
}

export const NO_SCRIPT =
  "<noscript><p>The graphs need JavaScript. Their numbers are in the tables below them.</p></noscript>";

/** `live` pages may ask the server that they came from. A page whose body holds the places of these charts. */
export function renderPage(
  { title, body, charts, live = false }: { title: string; body: string; charts: readonly Chart[]; live?: boolean },
  { style, scripts }: Assets,
): string {
  const drawn = Object.fromEntries(
    charts.filter((chart) => live || !isEmpty(chart)).map(({ id, config }) => [id, config]),
  );
  const policy = `default-src 'none'; style-src ${hash(style)}; script-src ${scripts.map(hash).join(" ")}; base-uri 'none'; form-action 'none'${live ? "; connect-src 'self'" : ""}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeText(title)}</title>
<style>${style}</style>
</head>
<body>
<main>
${body}
</main>
<script type="application/json" id="charts">${inlineJson(drawn)}</script>
<script type="application/json" id="dark-colours">${inlineJson(DARK)}</script>
${scripts.map((script) => `<script>${script}</script>`).join("\n")}
</body>
</html>
`;
}

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
