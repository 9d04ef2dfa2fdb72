// SPDX-License-Identifier: Apache-2.0
// What a run in virtual time depends on besides what is done in it: QEMU and its words, the kernel, the root with our programs.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { GuestInfo } from "../../record/schema.ts";
import { kernelFile, type Qemu, type VirtualGuest, virtualArgv } from "./qemu.ts";

export async function guestInfo(guest: VirtualGuest & { qemu: Qemu }): Promise<GuestInfo> {
  const [kernelHash, imageHash] = await Promise.all([fileHash(kernelFile(guest.kernel)), fileHash(guest.image)]);
  // Where these lie on this machine changes nothing.
  const argv = virtualArgv({ ...guest, qemu: { argv: [] }, kernel: { dir: "" }, image: "image" });
  return { qemu: guest.qemu.version, argv, kernelHash, imageHash };
}

/** They are large, and every lab asks. */
const known = new Map<string, Promise<string>>();

async function fileHash(file: string): Promise<string> {
  const { size, ino, mtimeMs } = await stat(file);
  // An image's time says when it was last used; its name says what is in it.
  const key = file.endsWith(".cpio") ? `${file} ${size} ${ino}` : `${file} ${size} ${mtimeMs}`;
  const hash = known.get(key) ?? readHash(file);
  known.set(key, hash);
  return hash;
}

async function readHash(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
