// SPDX-License-Identifier: Apache-2.0
// A run's folder on disk: written as the run goes on, read again by analysis.
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { LabError } from "../runtime/runtime.ts";
import { lineReader } from "../traffic/lines.ts";
import { decodeRow, ROW_BYTES } from "./connections.ts";
import type { Connection, Event, RunInfo, StreamName } from "./schema.ts";
import { upgradeEvent } from "./upgrade.ts";

/** Writes at once and in order, so that whatever ends the harness, what was seen is on disk. Every method throws LabError when it cannot. */
export class RecordWriter {
  readonly dir: string;
  readonly #onEvent: (event: Event) => void;
  readonly #eventsFd: number;
  readonly #rowsFd: number;
  #rows = 0;
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
    this.#write("events.ndjson", this.#eventsFd, Buffer.from(`${JSON.stringify(event)}\n`));
  }

  addRows(t: number, stream: StreamName, rows: Buffer): void {
    this.#write("connections.bin", this.#rowsFd, rows);
    const count = rows.length / ROW_BYTES;
    this.add({ kind: "rows", t, stream, offset: this.#rows, count });
    this.#rows += count;
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
  }

  close(): void {
    for (const fd of [this.#eventsFd, this.#rowsFd]) {
      attempt("close the record", () => {
        fsyncSync(fd);
        closeSync(fd);
      });
    }
  }
}

export interface Record {
  events: Event[];
  /** Decoded as they are gone through: a million of them as objects would take half a gigabyte. */
  connections: Iterable<Connection>;
}

/** Reads a run's folder. A last line cut short by a crash is left out. */
export function readRecord(dir: string): Record & { run: RunInfo } {
  const file = (name: string) => path.join(dir, name);
  if (!existsSync(file("events.ndjson")) || !existsSync(file("run.json")))
    throw new Error(`'${dir}' is not a run's folder: it has no run.json and events.ndjson.`);
  const events: Event[] = [];
  forEachLine(file("events.ndjson"), (line) => {
    try {
      events.push(upgradeEvent(JSON.parse(line)) as unknown as Event);
    } catch (cause) {
      throw new LabError(`Cannot read line ${events.length + 1} of '${file("events.ndjson")}': it is damaged.`, {
        cause,
      });
    }
  });
  const run = JSON.parse(readFileSync(file("run.json"), "utf8")) as RunInfo;
  return { run, events, connections: decodeConnections(events, readFileSync(file("connections.bin"))) };
}

const CHUNK_BYTES = 1 << 20;

/** Lines that end in a newline, never all at once: a string of them has its limit. */
function forEachLine(file: string, onLine: (line: string) => void): void {
  const take = lineReader(onLine);
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
  for (const event of events)
    if (event.kind === "hosts") hosts.set(event.stream, [...(hosts.get(event.stream) ?? []), ...event.names]);
  return {
    *[Symbol.iterator]() {
      for (const event of events) {
        if (event.kind !== "rows") continue;
        const names = hosts.get(event.stream) ?? [];
        for (let i = 0; i < event.count; i++) yield decodeRow(bin, (event.offset + i) * ROW_BYTES, event.stream, names);
      }
    },
  };
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
