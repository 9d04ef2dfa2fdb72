// SPDX-License-Identifier: Apache-2.0
// pcapng (draft-ietf-opsawg-pcapng), little endian, time stamps in nanoseconds: what Wireshark, tshark, capinfos and tcpdump read.

const BLOCK = { section: 0x0a0d0d0a, interface: 1, names: 4, packet: 6 } as const;
const BYTE_ORDER = 0x1a2b3c4d;
const ETHERNET = 1;
const OPTION = { comment: 1, application: 4, name: 2, description: 3, resolution: 9, flags: 2, packetId: 5 } as const;
const NANOSECONDS = Buffer.of(9);
const OUTBOUND = 2;

type Option = readonly [code: number, value: string | Buffer];

export interface CapturedPacket {
  /** Index of its interface, in the order of `interfaces`. */
  interface: number;
  /** Since 1970, ns. */
  t: bigint;
  /** Of the whole frame, of which `data` is the beginning. */
  length: number;
  data: Buffer;
  comments: readonly string[];
  /** The same for one packet on all of its hops. */
  id: number;
}

export interface Capture {
  comment: string;
  application: string;
  interfaces: readonly { name: string; description: string; snap: number }[];
  /** IPv4 addresses with names for them. */
  names: readonly (readonly [ipv4: string, name: string])[];
  packets: readonly CapturedPacket[];
}

export function pcapng({ comment, application, interfaces, names, packets }: Capture): Buffer {
  return Buffer.concat([
    section(comment, application),
    ...interfaces.map(interfaceBlock),
    nameBlock(names),
    ...packets.map(packetBlock),
  ]);
}

/** Its length is left open (-1): blocks follow to the end of the file. */
function section(comment: string, application: string): Buffer {
  const length = Buffer.alloc(8, 0xff);
  return block(
    BLOCK.section,
    u32(BYTE_ORDER),
    u16(1, 0),
    length,
    options([
      [OPTION.comment, comment],
      [OPTION.application, application],
    ]),
  );
}

function interfaceBlock({ name, description, snap }: Capture["interfaces"][number]): Buffer {
  const about: Option[] = [
    [OPTION.name, name],
    [OPTION.description, description],
    [OPTION.resolution, NANOSECONDS],
  ];
  return block(BLOCK.interface, u16(ETHERNET, 0), u32(snap), options(about));
}

function nameBlock(names: Capture["names"]): Buffer {
  const records = names.flatMap(([address, name]) => {
    const value = Buffer.concat([Buffer.from(address.split(".").map(Number)), Buffer.from(`${name}\0`)]);
    return [u16(1, value.length), padded(value)];
  });
  return block(BLOCK.names, ...records, u32(0));
}

function packetBlock({ interface: index, t, length, data, comments, id }: CapturedPacket): Buffer {
  const packetId = Buffer.alloc(8);
  packetId.writeBigUInt64LE(BigInt(id));
  return block(
    BLOCK.packet,
    u32(index, Number(t >> 32n), Number(t & 0xffffffffn), data.length, length),
    padded(data),
    options([
      ...comments.map((comment): Option => [OPTION.comment, comment]),
      [OPTION.flags, u32(OUTBOUND)],
      [OPTION.packetId, packetId],
    ]),
  );
}

function block(type: number, ...parts: Buffer[]): Buffer {
  const size = u32(parts.reduce((sum, { length }) => sum + length, 12));
  return Buffer.concat([u32(type), size, ...parts, size]);
}

function options(list: readonly Option[]): Buffer {
  const coded = list.flatMap(([code, value]) => {
    const bytes = Buffer.from(value);
    return [u16(code, bytes.length), padded(bytes)];
  });
  return Buffer.concat([...coded, u32(0)]);
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt16LE(value, 2 * i);
  return bytes;
}

function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, 4 * i);
  return bytes;
}
