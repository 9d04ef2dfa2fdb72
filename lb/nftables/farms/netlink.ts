// SPDX-License-Identifier: Apache-2.0
// Netlink messages of nf_tables: what `nft` says to the kernel, as far as a small change needs it. Numbers are those of
// linux/netfilter/nf_tables.h.

/** An attribute: 4 bytes of size and type, the value, and zeros up to a multiple of 4. */
export function attribute(type: number, value: Buffer): Buffer {
  const size = 4 + value.length;
  const bytes = Buffer.alloc((size + 3) & ~3);
  bytes.writeUInt16LE(size, 0);
  bytes.writeUInt16LE(type, 2);
  value.copy(bytes, 4);
  return bytes;
}

const NESTED = 0x8000;
export const nest = (type: number, ...inner: Buffer[]) => attribute(NESTED | type, Buffer.concat(inner));
export const textOf = (type: number, value: string) => attribute(type, Buffer.from(`${value}\0`));

export interface Attribute {
  type: number;
  value: Buffer;
}

/** Views into the bytes: what is written there is written to them. */
export function attributesOf(bytes: Buffer): Attribute[] {
  const list: Attribute[] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at);
    if (size < 4 || at + size > bytes.length) break;
    list.push({ type: bytes.readUInt16LE(at + 2) & 0x3fff, value: bytes.subarray(at + 4, at + size) });
    at += (size + 3) & ~3;
  }
  return list;
}

export const find = (list: readonly Attribute[], type: number) => list.find((one) => one.type === type)?.value;

export interface Message {
  type: number;
  sequence: number;
  /** Behind netlink's header. */
  body: Buffer;
}

export const FLAG = { request: 1, ack: 4, replace: 0x100, dump: 0x300, create: 0x400 } as const;
export const FAMILIES = { inet: 1, netdev: 5 } as const;
const [SUBSYSTEM, HEADER] = [10, 16];
export const TYPE = { newRule: 6, getRule: 7, newElements: 12, deleteElements: 14 } as const;
const BATCH = { begin: 16, end: 17 } as const;
export const [ERROR, DONE] = [2, 3];

interface Head {
  type: number;
  flags: number;
  sequence: number;
  family?: number;
  resource?: number;
}

function packed({ type, flags, sequence, family = 0, resource = 0 }: Head, ...attributes: Buffer[]): Buffer {
  const size = attributes.reduce((sum, one) => sum + one.length, HEADER + 4);
  const head = Buffer.alloc(HEADER + 4);
  head.writeUInt32LE(size, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(FLAG.request | flags, 6);
  head.writeUInt32LE(sequence, 8);
  head.writeUInt8(family, HEADER);
  head.writeUInt16BE(resource, HEADER + 2);
  return Buffer.concat([head, ...attributes]);
}

/** One message of nf_tables. */
export const message = ({ type, ...head }: Head, ...attributes: Buffer[]) =>
  packed({ ...head, type: (SUBSYSTEM << 8) | type }, ...attributes);

/** One transaction of these; `sequence` is that of its first message. */
export const transaction = (sequence: number, messages: readonly Buffer[]) =>
  Buffer.concat([
    packed({ type: BATCH.begin, flags: 0, sequence, resource: SUBSYSTEM }),
    ...messages,
    packed({ type: BATCH.end, flags: 0, sequence, resource: SUBSYSTEM }),
  ]);

/** The messages of one read. */
export function messagesOf(bytes: Buffer): Message[] {
  const list: Message[] = [];
  for (let at = 0; at + HEADER <= bytes.length; ) {
    const size = bytes.readUInt32LE(at);
    if (size < HEADER || at + size > bytes.length) break;
    list.push({
      type: bytes.readUInt16LE(at + 4),
      sequence: bytes.readUInt32LE(at + 8),
      body: bytes.subarray(at + HEADER, at + size),
    });
    at += (size + 3) & ~3;
  }
  return list;
}
