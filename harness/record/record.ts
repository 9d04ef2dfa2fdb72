// SPDX-License-Identifier: Apache-2.0
// A run's folder on disk, written as the run goes on; read.ts reads it again.
import { createHash } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import path from "node:path";
import { crc32 } from "node:zlib";
import { LabError } from "../runtime/runtime.ts";
import { type Clock, monotonic } from "../util/clock.ts";
import { ROW_BYTES } from "./connections.ts";
import type { End } from "./event.ts";
import type { Event, EventOf, StreamName } from "./schema.ts";

/** Writes at once and in order, so that whatever ends the harness, what was seen is on disk. Every method throws LabError when it cannot. */
export class RecordWriter {
  readonly dir: string;
  /** What its events are stamped with. */
  clock: Clock = monotonic;
  readonly #onEvent: (event: Event) => void;
  readonly #eventsFd: number;
  readonly #rowsFd: number;
  #rows = 0;
  readonly #rowsHash = createHash("sha256");
  readonly #sums = { events: { lines: 0, bytes: 0, crc: 0 }, rows: { bytes: 0, crc: 0 }, runCrc: 0 };
  #ended = false;
  /** After the first failure nothing more is written, so that taking the lab down is not kept from it by a full disk. */
  #failed = false;

  constructor(dir: string, onEvent: (event: Event) => void = () => {}) {
    this.dir = dir;
    this.#onEvent = onEvent;
    [this.#eventsFd, this.#rowsFd] = attempt(`make the run's folder '${dir}'`, () => {
      mkdirSync(path.join(dir, "logs"));
      return [openSync(path.join(dir, "events.ndjson"), "wx"), openSync(path.join(dir, "connections.bin"), "wx")];
    });
  }

  add(event: Event): void {
    this.#onEvent(event);
    this.#line(event);
  }

  #line(event: Event | End): void {
    const line = Buffer.from(`${JSON.stringify(event)}\n`);
    this.#write("events.ndjson", this.#eventsFd, line);
    const { events } = this.#sums;
    events.lines++;
    events.bytes += line.length;
    events.crc = crc32(line, events.crc);
  }

  addRows(t: number, stream: StreamName, rows: Buffer): void {
    this.#write("connections.bin", this.#rowsFd, rows);
    this.#rowsHash.update(rows);
    this.#sums.rows.bytes += rows.length;
    this.#sums.rows.crc = crc32(rows, this.#sums.rows.crc);
    const count = rows.length / ROW_BYTES;
    this.add({ kind: "rows", t, stream, offset: this.#rows, count });
    this.#rows += count;
  }

  /** What was tapped, as images/tap/record.h has it. */
  addPackets(of: Omit<EventOf<"tap">, "kind" | "t" | "bytes" | "crc">, packets: Buffer): void {
    attempt("write packets.bin", () => writeFileSync(path.join(this.dir, "packets.bin"), packets));
    this.add({ kind: "tap", t: this.clock.now(), ...of, bytes: packets.length, crc: crc32(packets) });
  }

  /** Packets that the fabric dropped on purpose, as a drop with this name; both counts since its first span. */
  addFabricDrops(t: number, name: string, before: number, after: number): void {
    for (const [moment, value] of [
      ["before", before],
      ["after", after],
    ] as const)
      this.add({ kind: "counters", t, machine: "fabric", moment, values: { [`drop.${name}`]: value } });
  }

  #write(name: string, fd: number, data: Buffer): void {
    if (this.#failed) return;
    try {
      attempt(`write ${name}`, () => writeAll(fd, data));
    } catch (error) {
      this.#failed = true;
      throw error;
    }
  }

  /** Replaces a whole file of the run's folder. */
  file(name: string, content: string): void {
    attempt(`write ${name}`, () => writeFileSync(path.join(this.dir, name), content));
    if (name === "run.json") this.#sums.runCrc = crc32(content);
  }

  /** SHA-256 of connections.bin so far. */
  rowsHash(): string {
    return this.#rowsHash.copy().digest("hex");
  }

  /** The last line: without it the record counts as cut. Nothing is added after it, and run.json stays as it is. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    const { events, rows, runCrc } = this.#sums;
    const eventsSum = { events: events.lines, eventBytes: events.bytes, eventsCrc: events.crc };
    this.#line({ kind: "end", ...eventsSum, rows: this.#rows, rowBytes: rows.bytes, rowsCrc: rows.crc, runCrc });
  }

  close(): void {
    this.end();
    for (const fd of [this.#eventsFd, this.#rowsFd]) {
      attempt("close the record", () => {
        fsyncSync(fd);
        closeSync(fd);
      });
    }
  }
}

function writeAll(fd: number, data: Buffer): void {
  for (let done = 0; done < data.length; ) done += writeSync(fd, data, done);
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "the disk is full" : code === "EACCES" ? "permission denied" : message;
    throw new LabError(`Cannot ${what}: ${why}.`, { cause });
  }
}
