// SPDX-License-Identifier: Apache-2.0
// A run's folder, read again. Whatever does not fit is a sentence with file and line (Damaged), never another exception.
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { byteLineReader } from "../traffic/lines.ts";
import type { StreamName } from "./base.ts";
import { type Connection, decodeRow, ROW_BYTES } from "./connections.ts";
import { Damaged, type Fields, isFields, issueText, readJson, readWhole } from "./damage.ts";
import { type End, type Event, endSchema, eventSchema } from "./event.ts";
import { type RunInfo, runInfoSchema } from "./run-info.ts";
import { type Summary, summarySchema } from "./summary.ts";
import { upgradeEvent, upgradeSummary } from "./upgrade.ts";

/** The first schema whose records end with an `end` line. */
const FIRST_WITH_END = 2;

export interface Record {
  events: Event[];
  /** Decoded as they are gone through: a million of them as objects would take half a gigabyte. */
  connections: Iterable<Connection>;
  /** packets.bin; absent where nothing was tapped. */
  packets?: Buffer;
}

export interface WholeRecord extends Record {
  run: RunInfo;
  /** The `end` line is there, and all before it is as it was written. */
  verified: boolean;
  /** Why the record is not whole, as a sentence; null: it is. Schema 1 has no end by which to tell. */
  cut: string | null;
}

/** Throws Damaged. A last line that a crash cut short is left out. */
export function readRecord(dir: string): WholeRecord {
  const file = (name: string) => path.join(dir, name);
  const missing = ["run.json", "events.ndjson", "connections.bin"].find((name) => !existsSync(file(name)));
  if (missing) throw new Damaged(dir, null, `it has no ${missing}`);
  const run = readRunInfo(dir);
  const { events, end, cut } = readEvents(file("events.ndjson"), run.schema >= FIRST_WITH_END);
  const bin = readWhole(file("connections.bin"));
  if (end) {
    checkEnd(
      file("connections.bin"),
      { bytes: bin.length, crc: crc32(bin) },
      { bytes: end.rowBytes, crc: end.rowsCrc },
    );
    const info = readWhole(file("run.json"));
    if (crc32(info) !== end.runCrc) throw new Damaged(file("run.json"), 1, "it was changed after the run");
  }
  checkRows(events, bin.length, file("events.ndjson"));
  const packets = readPackets(events, file("packets.bin"));
  const connections = decodeConnections(events, bin);
  return { run, events, connections, ...(packets ? { packets } : {}), verified: end !== null, cut };
}

function readPackets(events: readonly Event[], file: string): Buffer | null {
  const tap = events.find((event) => event.kind === "tap");
  if (!tap) return null;
  const packets = readWhole(file);
  checkEnd(file, { bytes: packets.length, crc: crc32(packets) }, tap);
  return packets;
}

/** Throws Damaged. */
export function readRunInfo(dir: string): RunInfo {
  return readJson(path.join(dir, "run.json"), runInfoSchema);
}

/** Throws Damaged. */
export function readSummary(dir: string): Summary {
  return readJson(path.join(dir, "summary.json"), summarySchema, upgradeSummary);
}

function readEvents(file: string, ends: boolean): { events: Event[]; end: End | null; cut: string | null } {
  const events: Event[] = [];
  let [bytes, crc] = [0, 0];
  let end: End | null = null;
  let line = 0;
  forEachLine(file, (text) => {
    line++;
    if (end) throw new Damaged(file, line, "it has data after its end");
    const value = parseLine(text, file, line);
    if (value.kind === "end") {
      end = parseEnd(value, file, line);
      if (end.events !== events.length) throw new Damaged(file, line, `${end.events} events were written before it`);
      checkEnd(`${file}:${line}`, { bytes, crc }, { bytes: end.eventBytes, crc: end.eventsCrc });
      return;
    }
    events.push(parseEvent(value, file, line));
    crc = crc32("\n", crc32(text, crc));
    bytes += text.length + 1;
  });
  const cut = ends && !end ? new Damaged(file, line, "the record ends without its last line, 'end'").message : null;
  return { events, end, cut };
}

function parseLine(text: Buffer, file: string, line: number): Fields {
  try {
    const value: unknown = JSON.parse(text.toString());
    if (isFields(value)) return value;
  } catch {}
  throw new Damaged(file, line, "it is not a JSON object");
}

function parseEvent(value: Fields, file: string, line: number): Event {
  const today = upgradeEvent(value);
  const parsed = eventSchema.safeParse(today);
  if (parsed.success) return today as unknown as Event;
  throw new Damaged(file, line, issueText(parsed.error));
}

function parseEnd(value: Fields, file: string, line: number): End {
  const parsed = endSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Damaged(file, line, issueText(parsed.error));
}

interface Sum {
  bytes: number;
  crc: number;
}

function checkEnd(where: string, found: Sum, written: Sum): void {
  if (found.bytes !== written.bytes)
    throw new Damaged(where, null, `${written.bytes} bytes were written, and ${found.bytes} are there`);
  if (found.crc !== written.crc) throw new Damaged(where, null, "it was changed after the run: its CRC-32 differs");
}

/** Rows that events speak of are there. */
function checkRows(events: readonly Event[], bytes: number, file: string): void {
  const streams = new Set<StreamName>();
  for (const [i, event] of events.entries()) {
    if (event.kind === "stream_start") streams.add(event.stream);
    if (event.kind !== "rows") continue;
    if (!streams.has(event.stream)) throw new Damaged(file, i + 1, `there is no stream '${event.stream}' before it`);
    if ((event.offset + event.count) * ROW_BYTES > bytes)
      throw new Damaged(file, i + 1, `connections.bin has no rows up to ${event.offset + event.count}`);
  }
}

const CHUNK_BYTES = 1 << 20;

/** Lines that end in a newline, never all at once: a file may be larger than a string or a buffer can be. */
function forEachLine(file: string, onLine: (line: Buffer) => void): void {
  const take = byteLineReader(onLine);
  const fd = openSync(file, "r");
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const bytes = readSync(fd, chunk);
      if (bytes === 0) return;
      take(chunk.subarray(0, bytes));
    }
  } finally {
    closeSync(fd);
  }
}

function decodeConnections(events: readonly Event[], bin: Buffer): Iterable<Connection> {
  const hosts = new Map<StreamName, string[]>();
  const units = new Map<StreamName, number>();
  for (const event of events)
    if (event.kind === "stream_start") units.set(event.stream, event.rowUnitUs ?? 1);
    else if (event.kind === "hosts") hosts.set(event.stream, [...(hosts.get(event.stream) ?? []), ...event.names]);
  return {
    *[Symbol.iterator]() {
      for (const event of events) {
        if (event.kind !== "rows") continue;
        const { stream } = event;
        const of = { stream, hosts: hosts.get(stream) ?? [], unitUs: units.get(stream) ?? 1 };
        for (let i = 0; i < event.count; i++) yield decodeRow(bin, (event.offset + i) * ROW_BYTES, of);
      }
    },
  };
}
