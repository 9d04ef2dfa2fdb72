// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import test from "ava";
import { runProgram } from "../host/program.ts";
import { erroredRun, scaleRun } from "./fixture.ts";
import { reporters } from "./index.ts";
import { type Reporter, writeAll } from "./reporter.ts";

const PICTURES = ["connections.png", "latency.png", "loss.png", "spread.png"];
const files = Object.values(reporters).filter(({ name }) => name !== "terminal");

async function inFolder<T>(use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "report-"));
  try {
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

test("one broken reporter is named and does not keep the others from writing", async (t) => {
  const written: string[] = [];
  const good = (name: string): Reporter => ({ name, write: async () => void written.push(name) });
  const error = new Error("No space left.");
  const broken: Reporter = { name: "broken", write: () => Promise.reject(error) };
  const failures = await inFolder((dir) =>
    writeAll(scaleRun(), join(dir, "new"), [good("first"), broken, good("last")]),
  );
  t.deepEqual(written, ["first", "last"]);
  t.deepEqual(failures, [{ reporter: "broken", error }]);
});

test("all files are written, and twice the same bytes", async (t) => {
  await inFolder(async (dir) => {
    for (const run of ["a", "b"]) t.deepEqual(await writeAll(scaleRun(), join(dir, run), files), []);
    const names = (await readdir(join(dir, "a"))).sort();
    t.deepEqual(names, [...PICTURES, "ctrf.json", "junit.xml", "report.html", "summary.md"].sort());
    for (const name of names) {
      t.deepEqual(await readFile(join(dir, "a", name)), await readFile(join(dir, "b", name)), name);
    }
  });
});

test("a run without any data still gives all files", async (t) => {
  await inFolder(async (dir) => {
    t.deepEqual(await writeAll(erroredRun(), dir, files), []);
    t.is((await readdir(dir)).length, 8);
  });
});

test("the pictures have their size and are not blank", async (t) => {
  await inFolder(async (dir) => {
    t.deepEqual(
      await writeAll(
        scaleRun(),
        dir,
        files.filter(({ name }) => name === "png"),
      ),
      [],
    );
    for (const name of PICTURES) {
      const { width, height, distinct } = readPng(await readFile(join(dir, name)));
      t.deepEqual([width, height], [1200, 600], name);
      t.true(distinct > 64, `${name}: ${distinct} different bytes`);
    }
  });
});

test("importing the reporters loads neither the canvas nor the chart library", async (t) => {
  const script = `await import(${JSON.stringify(new URL("index.ts", import.meta.url).href)});
    const { createRequire } = await import("node:module");
    console.log(Object.keys(createRequire(${JSON.stringify(import.meta.url)}).cache).filter((file) => /canvas|chart\\.js/.test(file)).length);`;
  const { stdout } = await runProgram([process.execPath, "--import=tsx", "--input-type=module", "-e", script]);
  t.is(stdout.trim(), "0");
});

/** The size a PNG states, and how many different bytes its filtered rows hold: a blank one has a handful. */
function readPng(png: Buffer): { width: number; height: number; distinct: number } {
  const data: Buffer[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const type = png.toString("latin1", at + 4, at + 8);
    if (type === "IDAT") data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  }
  const rows = inflateSync(Buffer.concat(data));
  return { width: png.readUInt32BE(16), height: png.readUInt32BE(20), distinct: new Set(rows).size };
}
