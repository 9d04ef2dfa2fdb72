// SPDX-License-Identifier: Apache-2.0
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { failedRun, scaleRun } from "../report/fixture.ts";
import { finishedRuns } from "../set/manifest.ts";
import { runMain } from "../testing/machine.ts";
import { EXIT } from "../util/exit-codes.ts";
import { fitted } from "./results.ts";

/** Three runs of three days, one of them in a folder below. */
function weeks(t: ExecutionContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-results-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  for (const [i, place] of ["a", path.join("shard-1", "b"), "c"].entries()) {
    const { run, summary } = i === 1 ? failedRun() : scaleRun();
    const folder = path.join(dir, place);
    mkdirSync(folder, { recursive: true });
    const id = path.basename(place);
    writeFileSync(
      path.join(folder, "run.json"),
      JSON.stringify({ ...run, id, startedAt: `2026-01-0${i + 1}T00:00:00.000Z` }),
    );
    writeFileSync(path.join(folder, "summary.json"), JSON.stringify(summary));
    writeFileSync(path.join(folder, "events.ndjson"), "");
  }
  writeFileSync(path.join(dir, "notes.txt"), "mine");
  return dir;
}

test("ls shows the newest first; open names its report", async (t) => {
  const dir = weeks(t);
  const { status, stdout } = await runMain(["results", "ls", dir]);
  t.is(status, EXIT.passed);
  t.regex(
    stdout,
    /^Date[^\n]*\n2026-01-03 00:00 +PASS +nfqueue_scale [^\n]* c\n2026-01-02 00:00 +FAIL [^\n]* shard-1\/b\n2026-01-01/,
  );
  const open = await runMain(["results", "open", dir], { env: { DISPLAY: undefined, WAYLAND_DISPLAY: undefined } });
  t.is(open.stdout, `${dir}/c/report.html (no display to open it on)\n`);
});

test("on a narrow terminal ls leaves out what the folder's name says too", (t) => {
  const head = ["Date (UTC)", "Verdict", "Case", "Seed", "Lost at events", "Folder"];
  const table = { head, rows: [["2026-01-03 00:00", "PASS", "ecmp_scale", "1", "74.2 % + 55.4 %", "a-folder"]] };
  t.deepEqual(fitted(table, 90), table);
  t.deepEqual(fitted(table, 60), {
    head: ["Verdict", "Lost at events", "Folder"],
    rows: [["PASS", "74.2 % + 55.4 %", "a-folder"]],
  });
});

test("an empty folder has no report to open, in JSON neither, and no run came to an end before it did", async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-results-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const { status, stderr } = await runMain(["results", "open", dir, "--json"]);
  t.deepEqual([status, stderr], [EXIT.usage, `There is no run in '${dir}'.\n`]);
  writeFileSync(path.join(dir, "run.json"), "{}");
  const killed = await runMain(["results", "ls", dir]);
  t.deepEqual([killed.status, killed.stderr], [EXIT.usage, `There is no run in '${dir}' that came to an end.\n`]);
});

test("--last-failed takes the runs whose newest one did not pass", async (t) => {
  const dir = weeks(t);
  const again = (...cases: string[]) => runMain(["test", ...cases, "--last-failed", "--dry-run", "--out", dir]);
  t.regex((await again("nfqueue_scale")).stdout, /^Of these cases no run below '[^']+' failed\. Nothing was run\.$/m);
  rmSync(path.join(dir, "c"), { recursive: true });
  t.regex((await again("nfqueue*")).stdout, /^nfqueue_scale, seed 1: 20 s of traffic\n1 run: /);
  t.regex((await again("ecmp*")).stdout, /Nothing was run/);
  for (const one of ["a", "shard-1"]) rmSync(path.join(dir, one), { recursive: true });
  const none = await again("nfqueue");
  t.deepEqual([none.status, none.stderr], [EXIT.usage, `There is no run in '${dir}'.\n`]);
});

test("index draws the trend of all runs and links the newest, which no set counts twice", async (t) => {
  const dir = weeks(t);
  for (let again = 0; again < 2; again++) t.is((await runMain(["results", "index", dir])).status, EXIT.passed);
  t.is(readlinkSync(path.join(dir, "latest")), "c");
  const page = readFileSync(path.join(dir, "history.html"), "utf8");
  t.regex(page, /<h1>3 runs, 2026-01-01 to 2026-01-03<\/h1>/);
  t.regex(page, /01-02 00:00 0123456 \(2\)/);
  t.regex(page, /href="shard-1\/b\/report\.html"/);
  t.is(finishedRuns(dir).found.length, 2, "those right in the folder, without the link");
  const { stdout } = await runMain(["results", "ls", dir, "--json"]);
  t.is((JSON.parse(stdout) as unknown[]).length, 3);
});

test("rm keeps the newest runs and whatever is no run", async (t) => {
  const dir = weeks(t);
  const { status, stdout } = await runMain(["results", "rm", dir, "--keep", "1"]);
  t.deepEqual([status, stdout], [EXIT.passed, `removed ${dir}/a\nremoved ${dir}/shard-1/b\n2 runs removed, 1 kept.\n`]);
  t.deepEqual(readdirSync(dir).sort(), ["c", "notes.txt", "shard-1"]);
  t.true(existsSync(path.join(dir, "c", "run.json")));
});

test("a damaged run is told and hides no other", async (t) => {
  const dir = weeks(t);
  writeFileSync(path.join(dir, "a", "summary.json"), "{");
  const { status, stdout, stderr } = await runMain(["results", "ls", dir]);
  t.is(status, EXIT.insufficient);
  t.regex(stderr, /^Damaged: \S+a\/summary\.json:1: it is not JSON/);
  t.regex(stdout, /shard-1\/b/);
});
