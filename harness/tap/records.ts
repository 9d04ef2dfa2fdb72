// SPDX-License-Identifier: Apache-2.0
// What the programs `tap` and `drops` write, and packets.bin holds: the layout is in images/tap/record.h.

const HEADER = 24;
const KIND = { packet: 1, port: 2, end: 3, drop: 4 } as const;

/** A frame as it came into a port of the fabric. */
export interface TapPacket {
  /** The machine that sent it, and the net that it sent it to. */
  machine: string;
  net: string;
  /** Monotonic ns. */
  t: number;
  /** Of the whole frame; `data` is its beginning. */
  length: number;
  data: Buffer;
}

/** A packet that a machine's kernel dropped, or answered by a reset, and why. */
export interface KernelDrop extends Omit<TapPacket, "net"> {
  what: keyof typeof DROP_LETTERS;
  /** The kernel's word for it, without its prefix: "IP_RPFILTER". */
  reason: string;
  /** The kernel's function that did it; "": not known. */
  where: string;
}
const DROP_LETTERS = { dropped: "d", reset: "r" } as const;

/** What the program counted. */
interface TapCounts {
  seen: number;
  written: number;
  /** Of connections without trouble so far, which made room. */
  overwritten: number;
  dropped: number;
  untracked: number;
  cpuNs: number;
}

export interface TapRecords {
  packets: TapPacket[];
  drops: KernelDrop[];
  /** null: it did not end in order. */
  counts: TapCounts | null;
}

/** Reads records as they come. Ports are named "vm-201.1": the machine, and the net's number. */
export class TapReader {
  readonly #ports = new Map<number, Pick<TapPacket, "machine" | "net">>();
  #rest: Buffer = Buffer.alloc(0);
  counts: TapCounts | null = null;
  /** All that came so far. */
  readonly drops: KernelDrop[] = [];

  /** The packets that are whole with these bytes. */
  push(chunk: Buffer): TapPacket[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const packets: TapPacket[] = [];
    let at = 0;
    while (at + HEADER <= bytes.length) {
      const [kind, size, port] = [bytes.readUInt8(at), bytes.readUInt16LE(at + 2), bytes.readUInt32LE(at + 4)];
      const data = bytes.subarray(at + HEADER, at + HEADER + size);
      if (data.length < size) break;
      if (kind === KIND.port) this.#ports.set(port, portOf(data.toString()));
      else if (kind === KIND.end) this.counts = countsOf(data);
      else if (kind === KIND.packet || kind === KIND.drop) {
        const from = this.#ports.get(port) ?? portOf("");
        const [t, length] = [Number(bytes.readBigUInt64LE(at + 8)), bytes.readUInt32LE(at + 16)];
        if (kind === KIND.packet) packets.push({ ...from, t, length, data });
        else this.drops.push({ machine: from.machine, t, length, ...dropOf(data) });
      }
      at += HEADER + size;
    }
    this.#rest = bytes.subarray(at);
    return packets;
  }
}

/** In order of time, as each CPU's frames come by themselves. A last record that was cut is left out. */
export function readTap(bytes: Buffer): TapRecords {
  const reader = new TapReader();
  const packets = reader.push(bytes).sort((a, b) => a.t - b.t);
  return { packets, drops: reader.drops, counts: reader.counts };
}

/** A byte, so many bytes of text, and the frame. */
function dropOf(bytes: Buffer): Pick<KernelDrop, "what" | "reason" | "where" | "data"> {
  const end = 1 + bytes.readUInt8(0);
  const [reason = "", where = ""] = bytes.toString("latin1", 2, end).split(" ");
  const what = bytes.toString("latin1", 1, 2) === DROP_LETTERS.reset ? "reset" : "dropped";
  return { what, reason, where, data: bytes.subarray(end) };
}

function portOf(name: string): Pick<TapPacket, "machine" | "net"> {
  const [machine = "", net = ""] = name.split(".");
  return { machine, net: `net${net}` };
}

function countsOf(data: Buffer): TapCounts {
  const [seen, written, overwritten, dropped, untracked, cpuNs] = Array.from({ length: 6 }, (_, i) =>
    Number(data.readBigUInt64LE(8 * i)),
  ) as [number, number, number, number, number, number];
  return { seen, written, overwritten, dropped, untracked, cpuNs };
}

/** The same packets and drops again as records. */
export function tapBytes(packets: readonly TapPacket[], drops: readonly KernelDrop[] = []): Buffer {
  const ports = new Map<string, number>();
  const parts: Buffer[] = [];
  const portOf = (name: string): number => {
    const known = ports.get(name);
    if (known !== undefined) return known;
    const port = ports.size + 1;
    ports.set(name, port);
    parts.push(header(KIND.port, Buffer.byteLength(name), { port }), Buffer.from(name));
    return port;
  };
  for (const { machine, net, t, length, data } of packets) {
    const port = portOf(`${machine}.${net.slice(3)}`);
    parts.push(header(KIND.packet, data.length, { port, t, length }), data);
  }
  for (const { machine, what, reason, where, t, length, data } of drops) {
    const port = portOf(machine);
    const text = Buffer.from(`${DROP_LETTERS[what]}${reason} ${where}`, "latin1");
    const body = Buffer.concat([Buffer.of(text.length), text, data]);
    parts.push(header(KIND.drop, body.length, { port, t, length }), body);
  }
  return Buffer.concat(parts);
}

function header(
  kind: number,
  size: number,
  { port, t = 0, length = 0 }: { port: number; t?: number; length?: number },
): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.writeUInt8(kind, 0);
  bytes.writeUInt16LE(size, 2);
  bytes.writeUInt32LE(port, 4);
  bytes.writeBigUInt64LE(BigInt(Math.round(t)), 8);
  bytes.writeUInt32LE(length, 16);
  return bytes;
}
