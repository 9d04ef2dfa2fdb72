// SPDX-License-Identifier: Apache-2.0
// A connection table that forgets the least recently used entry when it is full, exactly.

const NONE = -1;

/** Keys are whole numbers from 0 to below `keys`; values are target indices. */
export class LruTable {
  readonly #entries: number;
  readonly #values: Int32Array;
  /** The list of the keys in it, the one used last at its head; NONE ends it. */
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  #first = NONE;
  #last = NONE;
  #size = 0;

  constructor(entries: number, keys: number) {
    this.#entries = entries;
    this.#values = new Int32Array(keys).fill(NONE);
    this.#newer = new Int32Array(keys).fill(NONE);
    this.#older = new Int32Array(keys).fill(NONE);
  }

  get size(): number {
    return this.#size;
  }

  /** What is remembered of it, which makes it the most recently used one; null: nothing. */
  use(key: number): number | null {
    const value = this.#values[key] as number;
    if (value === NONE) return null;
    this.#unlink(key);
    this.#link(key);
    return value;
  }

  /** Remembers it as the most recently used one. Returns the key that made room, or null. */
  set(key: number, value: number): number | null {
    if (this.use(key) === null) {
      this.#link(key);
      this.#size++;
    }
    this.#values[key] = value;
    return this.#size > this.#entries ? this.#forgetOldest() : null;
  }

  delete(key: number): void {
    if (this.#values[key] === NONE) return;
    this.#unlink(key);
    this.#values[key] = NONE;
    this.#size--;
  }

  #forgetOldest(): number {
    const oldest = this.#last;
    this.delete(oldest);
    return oldest;
  }

  #link(key: number): void {
    this.#newer[key] = NONE;
    this.#older[key] = this.#first;
    if (this.#first === NONE) this.#last = key;
    else this.#newer[this.#first] = key;
    this.#first = key;
  }

  #unlink(key: number): void {
    const [newer, older] = [this.#newer[key] as number, this.#older[key] as number];
    if (newer === NONE) this.#first = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#last = newer;
    else this.#newer[older] = newer;
  }
}
