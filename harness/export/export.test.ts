// SPDX-License-Identifier: Apache-2.0
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type ExecutionContext } from "ava";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { loadRuns } from "../analysis/load.ts";
import { writeSyntheticRun } from "../bench/synthetic.ts";
import { root, runMain } from "../testing/machine.ts";
import { EXIT } from "../util/exit-codes.ts";
import { dictionaryText } from "./dictionary.ts";
import { tables } from "./index.ts";
import { writeTable } from "./write.ts";

function emptyDir(t: ExecutionContext): string {
  const dir = mkdtempSync(path.join(tmpdir(), "load-balancer-export-"));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

function recordedRun(t: ExecutionContext, connections = 500): string {
  const dir = path.join(emptyDir(t), "run");
  mkdirSync(dir);
  writeSyntheticRun(dir, connections);
  return dir;
}

const ndjson = (file: string) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, string | number | null>);

test("the three formats hold the same rows, and their sums are those of the summary", async (t) => {
  const dir = recordedRun(t);
  const summary = loadRuns([dir]).runs[0]?.summary;
  for (const format of ["csv", "ndjson", "parquet"]) {
    const { status, stdout } = await runMain(["export", dir, "--format", format]);
    t.is(status, EXIT.passed);
    t.regex(stdout, new RegExp(`export/connections\\.${format}: \\d+ rows\n`));
  }
  const file = (name: string) => path.join(dir, "export", name);
  for (const { name, columns } of Object.values(tables)) {
    const rows = ndjson(file(`${name}.ndjson`));
    const packed = await parquetReadObjects({ file: await asyncBufferFromFile(file(`${name}.parquet`)) });
    const plain = packed.map((row) =>
      Object.fromEntries(Object.entries(row).map(([key, v]) => [key, typeof v === "bigint" ? Number(v) : v])),
    );
    t.deepEqual(plain, rows, name);
    const [head, first] = readFileSync(file(`${name}.csv`), "utf8").split("\r\n");
    t.is(head, columns.map((column) => column.name).join(","), name);
    t.is(
      first,
      Object.values(rows[0] ?? {})
        .map((cell) => cell ?? "")
        .join(","),
      name,
    );
  }
  const connections = ndjson(file("connections.ndjson"));
  const lost = connections.filter((row) => row.lost_at === "1");
  t.is(lost.length, summary?.events[0]?.lost ?? -1);
  t.is(lost.filter((row) => row.predicted_loss === 1).length, summary?.events[0]?.predicted ?? -1);
  t.true(lost.length > 50);
  t.is(connections.length, summary?.connections.established ?? 0);
  const messages = ndjson(file("latency.ndjson")).reduce((sum, row) => sum + Number(row.messages), 0);
  t.is(messages, 80 * Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 13)).reduce((a, b) => a + b));
});

test("cells with commas, quotes and line ends are one cell; a row group that is full begins another", async (t) => {
  const dir = emptyDir(t);
  const columns = [
    { name: "a", type: "text", unit: "", about: "" },
    { name: "b", type: "integer", unit: "", about: "" },
  ] as const;
  const csv = path.join(dir, "t.csv");
  t.is(await writeTable(csv, { format: "csv", columns }, [['1,"2"\n', null]]), 1);
  t.is(readFileSync(csv, "utf8"), 'a,b\r\n"1,""2""\n",\r\n');
  const many = path.join(dir, "t.parquet");
  const rows = Array.from({ length: 100_001 }, (_, i) => [`${i % 7}`, i] as const);
  t.is(await writeTable(many, { format: "parquet", columns }, rows), 100_001);
  const read = await parquetReadObjects({ file: await asyncBufferFromFile(many), rowStart: 99_999 });
  t.deepEqual(read, [
    { a: `${99_999 % 7}`, b: 99_999n },
    { a: `${100_000 % 7}`, b: 100_000n },
  ]);
});

test("a disk that is full is exit code 3 and a sentence, and leaves no half of a table", async (t) => {
  const dir = recordedRun(t);
  for (const format of ["csv", "parquet"]) {
    const out = path.join(emptyDir(t), "out");
    mkdirSync(out);
    // Every write to this device fails as on a full disk.
    symlinkSync("/dev/full", path.join(out, `connections.${format}.part`));
    const { status, stdout, stderr } = await runMain(["export", dir, "--format", format, "--out", out]);
    t.is(status, EXIT.infrastructure, stderr);
    t.is(stderr, `Cannot write '${out}/connections.${format}': the disk is full.\n`);
    t.is(stdout, "");
    t.deepEqual(readdirSync(out), []);
  }
});

test("a folder that cannot be made is a sentence", async (t) => {
  const dir = recordedRun(t);
  const { status, stderr } = await runMain(["export", dir, "--out", path.join(dir, "run.json")]);
  t.deepEqual(
    [status, stderr],
    [EXIT.infrastructure, `Cannot write '${dir}/run.json/connections.csv': a part of its path is not a folder.\n`],
  );
});

test("a damaged record is exit code 4 and hides no other; a cut one is exported as far as it goes", async (t) => {
  const [good, bad, cut] = [recordedRun(t), recordedRun(t), recordedRun(t)];
  writeFileSync(path.join(bad, "events.ndjson"), "no JSON\n");
  const events = path.join(cut, "events.ndjson");
  writeFileSync(events, readFileSync(events, "utf8").replace(/\{"kind":"end"[^\n]*\n$/, ""));
  const one = await runMain(["export", bad, good, "--table", "events"]);
  t.is(one.status, EXIT.insufficient);
  t.regex(one.stderr, /^Damaged: \S+events\.ndjson:1: it is not a JSON object\.\n$/);
  t.true(existsSync(path.join(good, "export", "events.csv")));
  t.false(existsSync(path.join(bad, "export")));
  const other = await runMain(["export", cut, "--table", "events"]);
  t.is(other.status, EXIT.insufficient);
  t.regex(other.stderr, /the record ends without its last line/);
  t.regex(other.stdout, /events\.csv: 1 row\n/);
});

test("results/README.md has the dictionary of all columns, as the files beside the tables have it", async (t) => {
  const page = readFileSync(path.join(root, "results", "README.md"), "utf8");
  t.is(/<!-- columns begin -->\n([\s\S]*)<!-- columns end -->/.exec(page)?.[1], dictionaryText(Object.values(tables)));
  const dir = recordedRun(t);
  await runMain(["export", dir, "--table", "latency,events"]);
  const beside = readFileSync(path.join(dir, "export", "columns.md"), "utf8");
  for (const { name, type, unit, about } of [...tables.latency.columns, ...tables.events.columns])
    t.true(beside.includes(`| \`${name}\` | ${type} | ${unit} | ${about} |`), name);
  t.false(beside.includes("### samples"));
});
