// SPDX-License-Identifier: Apache-2.0
// connections.bin: one row of 48 bytes, little endian, for each connection that ended; images/traffic/README.md has the layout.
import { CAUSES, type Connection, type StreamName } from "./schema.ts";

export const ROW_BYTES = 48;
const NONE32 = 0xffffffff;

/** `hosts` are the names of the targets in order of first appearance in this stream; 0xffff in a row is none of them. */
export function decodeRow(rows: Buffer, at: number, stream: StreamName, hosts: readonly string[]): Connection {
  const established = rows.readUInt32LE(at + 20);
  return {
    stream,
    id: rows.readUInt32LE(at),
    generation: rows.readUInt16LE(at + 4),
    cause: CAUSES[rows.readUInt8(at + 6)] ?? "local",
    sport: rows.readUInt16LE(at + 8),
    target: hosts[rows.readUInt16LE(at + 10)] ?? null,
    srcOffset: rows.readUInt32LE(at + 12),
    startUs: rows.readUInt32LE(at + 16),
    establishedUs: established === NONE32 ? null : established,
    endUs: rows.readUInt32LE(at + 24),
    longestGapUs: rows.readUInt32LE(at + 28),
    sent: rows.readUInt32LE(at + 32),
    received: rows.readUInt32LE(at + 36),
    movedTo: hosts[rows.readUInt16LE(at + 40)] ?? null,
    lastProgressUs: rows.readUInt32LE(at + 44),
  };
}
