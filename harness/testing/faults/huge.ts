// SPDX-License-Identifier: Apache-2.0
// A record of very many connections, made of a small one: each of its rows many times.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { ROW_BYTES } from "../../record/connections.ts";

/** Fields of its events that count connections. */
const COUNTS = new Set(["connections", "established", "count", "offset"]);

/** Makes the record in this folder one of so many connections, or a few more. Returns how many rows it has then. */
export function enlarge(dir: string, wanted: number): number {
  const file = (name: string) => path.join(dir, name);
  const rows = readFileSync(file("connections.bin"));
  const times = Math.ceil((wanted * ROW_BYTES) / rows.length);
  const lines = readFileSync(file("events.ndjson"), "utf8").trimEnd().split("\n");
  const end = JSON.parse(lines.pop() ?? "") as object;
  const events = lines.map((line) => `${JSON.stringify(multiplied(JSON.parse(line), times))}\n`).join("");
  const sum = writeRows(file("connections.bin"), rows, times);
  const last = {
    ...end,
    eventBytes: Buffer.byteLength(events),
    eventsCrc: crc32(events),
    rowBytes: rows.length * times,
    rowsCrc: sum,
  };
  writeFileSync(file("events.ndjson"), `${events}${JSON.stringify(last)}\n`);
  return (rows.length / ROW_BYTES) * times;
}

function multiplied(event: Record<string, unknown>, times: number): Record<string, unknown> {
  if (!["stream_start", "all_established", "rows"].includes(String(event.kind))) return event;
  return Object.fromEntries(
    Object.entries(event).map(([name, value]) => [name, COUNTS.has(name) ? Number(value) * times : value]),
  );
}

/** Returns the CRC-32 of what was written. */
function writeRows(file: string, rows: Buffer, times: number): number {
  const fd = openSync(file, "w");
  let sum = 0;
  try {
    for (let at = 0; at < rows.length; at += ROW_BYTES) {
      const many = Buffer.alloc(ROW_BYTES * times, rows.subarray(at, at + ROW_BYTES));
      writeSync(fd, many);
      sum = crc32(many, sum);
    }
  } finally {
    closeSync(fd);
  }
  return sum;
}
