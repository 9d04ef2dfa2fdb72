// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import { connectRun, erroredRun, failedRun, hostileRun, scaleRun } from "./fixture.ts";
import { inlineJson } from "./html/markup.ts";
import { loadAssets, renderHtml } from "./html.ts";

const assets = await loadAssets();

test("hostile text neither ends a script nor begins an element", (t) => {
  const page = renderHtml(hostileRun(), assets);
  t.is(page.split("</script").length - 1, assets.scripts.length + 2);
  t.is(page.split("<script").length - 1, assets.scripts.length + 2);
  t.false(page.includes("<img"));
  t.false(page.includes("<!--"));
  t.false(page.includes("\u0007"));
  t.true(page.includes("&lt;/script&gt;&lt;script&gt;document.title=&quot;owned&quot;"));
});

test("inlined data reads back as it was", (t) => {
  const value = { text: "</script><!-- \u2028 & \" '" };
  t.false(inlineJson(value).includes("<"));
  t.deepEqual(JSON.parse(inlineJson(value)), value);
});

test("the page asks the network for nothing and runs only its own scripts", (t) => {
  const page = renderHtml(scaleRun(), assets);
  const markup = page.replace(/<(script|style)[^>]*>.*?<\/\1>/gs, "");
  t.notRegex(markup, /\b(?:src|href|srcset)\s*=/);
  t.false(page.includes("sourceMappingURL"));
  t.notRegex(assets.style, /url\(|@import/);
  t.regex(page, /default-src 'none'; style-src 'sha256-[^']+'; script-src(?: 'sha256-[^']+'){3};/);
});

test("the order is verdict, loss, events, connections, spread, latency, facts, command, environment, options", (t) => {
  const page = renderHtml(scaleRun(), assets);
  const ids = [...page.matchAll(/<section id="(\w+)">/g)].map(([, id]) => id);
  t.deepEqual(ids, [
    "loss",
    "events",
    "lost",
    "connections",
    "spread",
    "latency",
    "log",
    "rules",
    "opened",
    "packets",
    "generator",
    "phases",
    "command",
    "environment",
    "options",
  ]);
  t.true(page.indexOf('class="badge pass"') < page.indexOf('<section id="loss">'));
});

test("a failed run shows its reasons above everything else", (t) => {
  const page = renderHtml(failedRun(), assets);
  t.true(page.includes('<span class="badge fail">FAIL</span>'));
  t.true(page.indexOf("<li>17 connections were lost outside the events.</li>") < page.indexOf("<section"));
});

test("every graph is a named picture with its numbers as a table", (t) => {
  const page = renderHtml(scaleRun(), assets);
  t.is(page.match(/<canvas data-chart="\w+" role="img" tabindex="0" aria-label="[^"]+">/g)?.length, 4);
  t.is(page.match(/<details><summary>The numbers of this graph/g)?.length, 4);
});

test("without data there is a sentence instead of a graph", (t) => {
  const connect = renderHtml(connectRun(), assets);
  t.false(connect.includes('data-chart="latency"'));
  t.true(connect.includes("No round trips were measured."));
  t.true(connect.includes('data-chart="spread"'));
  t.false(renderHtml(erroredRun(), assets).includes("<canvas"));
});

test("the same run gives the same page", (t) => {
  t.is(renderHtml(scaleRun(), assets), renderHtml(scaleRun(), assets));
});
