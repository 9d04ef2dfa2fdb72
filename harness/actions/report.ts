// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { analyse } from "../analysis/analyse.ts";
import { readRecord } from "../record/record.ts";
import type { Summary } from "../record/schema.ts";
import { reporters } from "../report/index.ts";
import { writeAll } from "../report/reporter.ts";
import { UsageError } from "../util/errors.ts";

/** Draws runs again from what they recorded. */
export async function reportCommand(dirs: readonly string[]): Promise<number> {
  const missing = dirs.find((dir) => !existsSync(path.join(dir, "events.ndjson")));
  if (missing !== undefined) throw new UsageError(`'${missing}' is not a run's folder: it has no events.ndjson.`);
  let failed = 0;
  for (const dir of dirs) {
    const record = readRecord(dir);
    const data = { run: record.run, ...analyse(record.run, record) };
    const drawn = Object.values(reporters).filter((r) => r.name !== "terminal");
    for (const { reporter, error } of await writeAll(data, dir, drawn)) {
      process.stderr.write(`Cannot write the ${reporter} report of '${dir}': ${(error as Error).message}\n`);
      failed = 3;
    }
    // How long the run's own report took is the one thing that its events do not tell.
    const known = summaryOf(dir);
    if (known) data.summary.phasesMs = known.phasesMs;
    writeFileSync(path.join(dir, "summary.json"), `${JSON.stringify(data.summary, null, 2)}\n`);
    process.stdout.write(`${path.join(dir, "report.html")}\n`);
  }
  return failed;
}

function summaryOf(dir: string): Summary | null {
  const file = path.join(dir, "summary.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Summary) : null;
}
