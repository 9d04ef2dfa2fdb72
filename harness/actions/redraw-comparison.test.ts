// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { outcomeOf, root } from "../testing/machine.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-redraw-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

test("a comparison is drawn again from its folder, byte for byte, and for a paper", async (t) => {
  const program = (...words: string[]) => outcomeOf(["./load-balancer.ts", ...words], { cwd: root });
  const words = "nfqueue ecmp --scenario scale_in --connections 100 --sweep targets=4,10 --simulate --out".split(" ");
  const { stdout } = await program("compare", ...words, scratch);
  const dir = path.dirname(/^Report: (.*)$/m.exec(stdout)?.[1] ?? "");
  const files = "compare.html compare.json compare.md sweep.png violations.png".split(" ");
  const before = files.map((name) => readFileSync(path.join(dir, name)));
  for (const name of files) if (name !== "compare.json") rmSync(path.join(dir, name));
  const again = await program("report", dir);
  t.deepEqual([again.status, again.stderr], [0, ""]);
  for (const [i, name] of files.entries()) t.true(before[i]?.equals(readFileSync(path.join(dir, name))), name);
  await program("report", dir, "--format", "svg", "--width", "85");
  t.true(existsSync(path.join(dir, "sweep.svg")));
});
