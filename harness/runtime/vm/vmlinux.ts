// SPDX-License-Identifier: Apache-2.0
// Out of a bzImage the kernel itself: QEMU starts that without decompressing it in the guest, which takes a second under emulation.

import { gunzipSync } from "node:zlib";
import { runProgram } from "../../host/program.ts";
import { LabError } from "../runtime.ts";

/** The boot protocol's header (Documentation/arch/x86/boot.rst): byte offsets. */
const HEADER = {
  setupSectors: 0x1f1,
  magic: 0x202,
  version: 0x20e,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
} as const;
const SECTOR = 512;
const ELF = "7f454c46";

export interface KernelImage {
  /** What `uname -r` will say; null when the file does not tell. */
  release: string | null;
  /** The kernel without compression; null: it has to be booted as it is. */
  vmlinux: Buffer | null;
}

/** Throws LabError when the file is no kernel for this kind of machine. */
export async function readKernel(file: Buffer, name: string): Promise<KernelImage> {
  if (file.toString("hex", 0, 4) === ELF) return { release: bannerOf(file), vmlinux: file };
  if (file.length < 0x1000 || file.toString("latin1", HEADER.magic, HEADER.magic + 4) !== "HdrS")
    throw new LabError(`'${name}' is not a Linux kernel for x86-64: expected a bzImage (vmlinuz) or a vmlinux.`);
  const at = file.readUInt16LE(HEADER.version) + SECTOR;
  const release = file.toString("latin1", at, file.indexOf(0, at)).split(" ")[0] ?? null;
  const begin = ((file[HEADER.setupSectors] || 4) + 1) * SECTOR + file.readUInt32LE(HEADER.payloadOffset);
  const payload = file.subarray(begin, begin + file.readUInt32LE(HEADER.payloadLength));
  try {
    const vmlinux = await decompress(payload);
    return { release, vmlinux: vmlinux?.toString("hex", 0, 4) === ELF ? vmlinux : null };
  } catch {
    // A program or a format that this machine lacks: then the guest decompresses.
    return { release, vmlinux: null };
  }
}

function bannerOf(vmlinux: Buffer): string | null {
  const at = vmlinux.indexOf("Linux version ");
  return at < 0 ? null : (vmlinux.toString("latin1", at, at + 200).split(" ")[2] ?? null);
}

/** Behind the compressed bytes are four more: the length of what comes out. */
async function decompress(payload: Buffer): Promise<Buffer | null> {
  const magic = payload.toString("hex", 0, 4);
  const compressed = payload.subarray(0, -4);
  const size = payload.readUInt32LE(payload.length - 4);
  const by = async (argv: readonly string[]) => (await runProgram(argv, { input: compressed })).bytes;
  if (magic.startsWith("1f8b")) return gunzipSync(compressed);
  if (magic === "02214c18") return lz4Legacy(compressed, size);
  if (magic === "28b52ffd") return by(["zstd", "-dc"]);
  if (magic.startsWith("fd377a")) return by(["xz", "-dc"]);
  return null;
}

/** LZ4's legacy frame: after the magic number, blocks, each behind its length. */
export function lz4Legacy(frame: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  let end = 0;
  for (let at = 4; at + 4 <= frame.length && end < size; ) {
    const length = frame.readUInt32LE(at);
    end = lz4Block(frame.subarray(at + 4, at + 4 + length), out, end);
    at += 4 + length;
  }
  return out.subarray(0, end);
}

/** One block: literals, then a match of what was written before, again and again. Returns where the output ends. */
function lz4Block(block: Buffer, out: Buffer, start: number): number {
  let at = 0;
  let end = start;
  const long = (length: number) => {
    if (length < 15) return length;
    let total = length;
    for (let more = 255; more === 255; total += more) more = block[at++] ?? 0;
    return total;
  };
  while (at < block.length) {
    const token = block[at++] ?? 0;
    const literals = long(token >> 4);
    end += block.copy(out, end, at, at + literals);
    at += literals;
    if (at >= block.length) break;
    const distance = block.readUInt16LE(at);
    at += 2;
    const match = long(token & 15) + 4;
    // A match may reach into itself: then it repeats.
    if (distance >= match) out.copyWithin(end, end - distance, end - distance + match);
    else for (let i = 0; i < match; i++) out[end + i] = out[end + i - distance] ?? 0;
    end += match;
  }
  return end;
}
