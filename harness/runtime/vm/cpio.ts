// SPDX-License-Identifier: Apache-2.0
// An initramfs: cpio's "newc" form, as the kernel reads it. Everything belongs to root, whoever packs it.
import { type FileHandle, lstat, open, readdir, readFile, readlink } from "node:fs/promises";
import path from "node:path";

const ALIGN = 4;
const TYPE = { directory: 0o040000, file: 0o100000, link: 0o120000, device: 0o020000 } as const;

/** Writes archives one behind the other: the kernel unpacks them in order. */
export class CpioWriter {
  readonly #file: FileHandle;
  #inode = 1;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(file: string): Promise<CpioWriter> {
    return new CpioWriter(await open(file, "w"));
  }

  /** All below `dir`, at the same places in the archive below `prefix` ("" or "a/b/"). */
  async tree(dir: string, prefix = ""): Promise<void> {
    for (const entry of (await readdir(dir, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const from = path.join(dir, entry.name);
      const name = prefix + entry.name;
      if (entry.isSymbolicLink()) await this.#entry(name, TYPE.link | 0o777, Buffer.from(await readlink(from)));
      else if (entry.isDirectory()) {
        await this.directory(name);
        await this.tree(from, `${name}/`);
      } else if (entry.isFile()) {
        const { mode } = await lstat(from);
        await this.#entry(name, TYPE.file | (mode & 0o111 ? 0o755 : 0o644), await readFile(from));
      }
    }
  }

  async directory(name: string): Promise<void> {
    await this.#entry(name, TYPE.directory | 0o755, Buffer.alloc(0));
  }

  async file(name: string, text: string): Promise<void> {
    await this.#entry(name, TYPE.file | 0o644, Buffer.from(text));
  }

  async device(name: string, major: number, minor: number): Promise<void> {
    await this.#entry(name, TYPE.device | 0o600, Buffer.alloc(0), { major, minor });
  }

  async end(): Promise<void> {
    await this.#entry("TRAILER!!!", 0, Buffer.alloc(0));
    await this.#file.close();
  }

  async #entry(name: string, mode: number, data: Buffer, { major, minor } = { major: 0, minor: 0 }): Promise<void> {
    const links = 1;
    const bytes = Buffer.byteLength(name) + 1;
    const fields = [this.#inode++, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, bytes, 0];
    const head = `070701${fields.map((n) => n.toString(16).padStart(8, "0")).join("")}${name}\0`;
    await this.#file.write(Buffer.concat([padded(Buffer.from(head)), padded(data)]));
  }
}

function padded(data: Buffer): Buffer {
  const rest = data.length % ALIGN;
  return rest === 0 ? data : Buffer.concat([data, Buffer.alloc(ALIGN - rest)]);
}
