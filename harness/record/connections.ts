// SPDX-License-Identifier: Apache-2.0
// connections.bin: one row of 48 bytes, little endian, for each connection that ended; results/README.md has the layout.
import { CAUSES, type Cause, type StreamName } from "./base.ts";

export const ROW_BYTES = 48;
const NONE32 = 0xffffffff;
const NO_HOST = 0xffff;

/** One connection, as the generator saw it. Microseconds, in steps of the stream's unit, count from its stream's start. */
export interface Connection {
  stream: StreamName;
  id: number;
  /** 0 for the first connection of this id, 1 after it was lost and opened again, and so on. */
  generation: number;
  cause: Cause;
  srcOffset: number;
  sport: number;
  /** Name of the target that answered first, null if none did. */
  target: string | null;
  /** The other target that answered later (cause "wrong_target" only). */
  movedTo: string | null;
  startUs: number;
  /** null: never established. */
  establishedUs: number | null;
  endUs: number;
  longestGapUs: number;
  /** Last time anything arrived on it. */
  lastProgressUs: number;
  sent: number;
  received: number;
}

/** A row as it is written: times in units of the stream, targets as places in its list of hosts. */
export interface EncodedRow
  extends Pick<Connection, "id" | "generation" | "cause" | "srcOffset" | "sport" | "sent" | "received"> {
  /** Below 0: none. */
  host: number;
  movedTo: number | null;
  startUnits: number;
  establishedUnits: number | null;
  endUnits: number;
  gapUnits: number;
  progressUnits: number;
}

export function encodeRow(row: EncodedRow): Buffer {
  const bytes = Buffer.alloc(ROW_BYTES);
  bytes.writeUInt32LE(row.id, 0);
  bytes.writeUInt16LE(row.generation, 4);
  bytes.writeUInt8(CAUSES.indexOf(row.cause), 6);
  bytes.writeUInt16LE(row.sport, 8);
  bytes.writeUInt16LE(row.host < 0 ? NO_HOST : row.host, 10);
  const words = [
    row.srcOffset,
    row.startUnits,
    row.establishedUnits ?? NONE32,
    row.endUnits,
    row.gapUnits,
    row.sent,
    row.received,
  ];
  for (const [i, word] of words.entries()) bytes.writeUInt32LE(word, 12 + 4 * i);
  bytes.writeUInt16LE(row.movedTo === null || row.movedTo < 0 ? NO_HOST : row.movedTo, 40);
  bytes.writeUInt32LE(row.progressUnits, 44);
  return bytes;
}

/** `hosts` are the names of the targets in order of first appearance in this stream; 0xffff in a row is none of them. */
export function decodeRow(
  rows: Buffer,
  at: number,
  { stream, hosts, unitUs }: { stream: StreamName; hosts: readonly string[]; unitUs: number },
): Connection {
  const established = rows.readUInt32LE(at + 20);
  return {
    stream,
    id: rows.readUInt32LE(at),
    generation: rows.readUInt16LE(at + 4),
    cause: CAUSES[rows.readUInt8(at + 6)] ?? "local",
    sport: rows.readUInt16LE(at + 8),
    target: hosts[rows.readUInt16LE(at + 10)] ?? null,
    srcOffset: rows.readUInt32LE(at + 12),
    startUs: rows.readUInt32LE(at + 16) * unitUs,
    establishedUs: established === NONE32 ? null : established * unitUs,
    endUs: rows.readUInt32LE(at + 24) * unitUs,
    longestGapUs: rows.readUInt32LE(at + 28) * unitUs,
    sent: rows.readUInt32LE(at + 32),
    received: rows.readUInt32LE(at + 36),
    movedTo: hosts[rows.readUInt16LE(at + 40)] ?? null,
    lastProgressUs: rows.readUInt32LE(at + 44) * unitUs,
  };
}
