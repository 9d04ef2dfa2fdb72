// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { scaleRun } from "./fixture.ts";
import { figures } from "./png.ts";

test("figures for a paper have their width, and vector files hold no raster", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-figure-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  for (const format of ["png", "svg", "pdf"] as const)
    await figures({ format, widthMm: 85, dpi: 300, titles: false }).write(scaleRun(), dir);
  const svg = readFileSync(path.join(dir, "loss.svg"), "utf8");
  t.regex(svg, /<svg[^>]* width="85mm"/);
  t.false(svg.includes("<image"));
  t.is(readFileSync(path.join(dir, "loss.pdf")).subarray(0, 5).toString(), "%PDF-");
  t.true(Math.abs(readFileSync(path.join(dir, "loss.png")).readUInt32BE(16) - (85 / 25.4) * 300) < 4);
});
