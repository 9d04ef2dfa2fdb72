// SPDX-License-Identifier: Apache-2.0
// Small changes, the most frequent ones, without nft: elements of maps, and the size of a draw, by netlink. nft reads all chains and sets
// of the kernel before each change, which costs more than the change. What is not known here is left to nft.
import { readSync, writeSync } from "node:fs";
import { isIP } from "node:net";
import { addressBytes } from "../../../harness/api/index.ts";
import {
  type Attribute,
  attribute,
  attributesOf,
  DONE,
  ERROR,
  FAMILIES,
  FLAG,
  find,
  type Message,
  message,
  messagesOf,
  nest,
  TYPE,
  textOf,
  transaction,
} from "./netlink.ts";
import { type ChainPart, type ElementChange, type Ruleset, smallChange } from "./parts.ts";

const MOST_ELEMENTS = 256;
const RULE = { table: 1, chain: 2, handle: 3, expressions: 4, userdata: 7 } as const;
const LIST = { table: 1, set: 2, elements: 3 } as const;
const [ITEM, KEY, DATA, VALUE] = [1, 1, 2, 1];
const EXPRESSION = { name: 1, data: 2 } as const;
/** Expressions that draw a number, and their attribute that says below which. */
const MODULUS = new Map([
  ["numgen", 2],
  ["hash", 4],
]);

/** The table and the name of what "<family> <table> <name>" stands for. */
function placeOf(key: string): { family: number; table: string; name: string } | null {
  const [family = "", table = "", name = ""] = key.split(" ");
  return family === "inet" || family === "netdev" ? { family: FAMILIES[family], table, name } : null;
}

/** Bytes of a key or of data, as registers have them; null: not known here. */
export function bytesOf(type: string, value: string): Buffer | null {
  const types = type.split(" . ");
  const values = value.split(" . ");
  if (types.length !== values.length) return null;
  const parts = types.map((one, i) => fieldOf(one, values[i] ?? ""));
  return parts.every((part) => part !== null) ? Buffer.concat(parts) : null;
}

function fieldOf(type: string, value: string): Buffer | null {
  const bytes = Buffer.alloc(4);
  switch (type) {
    case "number":
    case "mark":
      if (!/^(0x[\da-f]+|\d+)$/.test(value)) return null;
      bytes.writeUInt32LE(Number(value));
      return bytes;
    case "inet_service":
      if (!/^\d+$/.test(value)) return null;
      bytes.writeUInt16BE(Number(value));
      return bytes;
    case "ipv4_addr":
    case "ipv6_addr":
      // IPv4 is the end of a mapped IPv6 address there.
      if (isIP(value) !== (type === "ipv4_addr" ? 4 : 6)) return null;
      return Buffer.from(addressBytes(value)).subarray(type === "ipv4_addr" ? 12 : 0);
    default:
      return null;
  }
}

/** The types of a map's keys and data; null: not one of those that are known here. */
function typesOf(spec: readonly string[]): { key: string; data: string } | null {
  const [only = "", ...more] = spec;
  const [, word, key = "", data = ""] = /^(type|typeof) (.*) : (.*)$/.exec(only) ?? [];
  if (word === undefined || more.length > 0) return null;
  if (word === "type") return { key, data };
  return key === "numgen inc mod 2" && /^(ct|meta) mark$/.test(data) ? { key: "number", data: "mark" } : null;
}

function elementsMessage(change: ElementChange, which: "remove" | "add", sequence: number): Buffer | null {
  const place = placeOf(change.key);
  const types = typesOf(change.spec);
  if (!place || !types) return null;
  const items: Buffer[] = [];
  for (const [key, data] of change[which]) {
    const keyBytes = bytesOf(types.key, key);
    const dataBytes = which === "add" ? bytesOf(types.data, data) : Buffer.alloc(0);
    if (!keyBytes || !dataBytes) return null;
    const value = which === "add" ? [nest(DATA, attribute(VALUE, dataBytes))] : [];
    items.push(nest(ITEM, nest(KEY, attribute(VALUE, keyBytes)), ...value));
  }
  const type = which === "add" ? TYPE.newElements : TYPE.deleteElements;
  const flags = which === "add" ? FLAG.create : 0;
  return message(
    { type, flags, sequence, family: place.family },
    textOf(LIST.table, place.table),
    textOf(LIST.set, place.name),
    nest(LIST.elements, ...items),
  );
}

const MOD = / mod (\d+)/g;
const moduliOf = (rule: string) => [...rule.matchAll(MOD)].map(([, n]) => Number(n));

/** Writes the second rule's numbers in place of the first's, as far as that is all in which they differ. False: it is not. */
export function redraw(expressions: Buffer, old: string, next: string): boolean {
  if (old.replace(MOD, "") !== next.replace(MOD, "")) return false;
  const before = moduliOf(old);
  const places = placesOfModuli(attributesOf(expressions));
  if (places.length !== before.length || places.some((place, i) => place.readUInt32BE() !== before[i])) return false;
  for (const [i, n] of moduliOf(next).entries()) places[i]?.writeUInt32BE(n);
  return true;
}

/** In the order of evaluation, which is the order of the words; those within what fills a map too. */
function placesOfModuli(list: readonly Attribute[]): Buffer[] {
  return list.flatMap(({ value }) => {
    const expression = attributesOf(value);
    const name = find(expression, EXPRESSION.name)?.toString().replace("\0", "") ?? "";
    const data = find(expression, EXPRESSION.data);
    const modulus = MODULUS.get(name);
    const place = data && modulus !== undefined ? find(attributesOf(data), modulus) : undefined;
    return place ? [place] : [];
  });
}

/** A socket to netfilter, in order: one question, its answer. The kernel answers before the write returns. */
export class Wire {
  private readonly fd: number;
  private sequence = 1;
  private readonly buffer = Buffer.alloc(1 << 16);

  constructor(fd: number) {
    this.fd = fd;
  }

  /** One transaction. False: it was not done, and nothing has changed. Throws where that is not known. */
  change(before: Ruleset, after: Ruleset): boolean {
    const small = smallChange(before, after);
    if (!small || small.elements.reduce((sum, { remove, add }) => sum + remove.size + add.size, 0) > MOST_ELEMENTS)
      return false;
    const messages: Buffer[] = [];
    const first = this.sequence + small.chains.length;
    const next = () => first + messages.length + 1;
    for (const { key, old, chain } of small.chains) {
      const rules = this.rules(key, old, chain, next);
      if (!rules) return false;
      messages.push(...rules);
    }
    for (const which of ["remove", "add"] as const)
      for (const change of small.elements) {
        if (change[which].size === 0) continue;
        const one = elementsMessage(change, which, next());
        if (!one) return false;
        messages.push(one);
      }
    return messages.length === 0 || this.commit(first, messages);
  }

  /** What replaces rules of a chain whose draw has another size. */
  private rules(key: string, old: ChainPart, chain: ChainPart, next: () => number): Buffer[] | null {
    const place = placeOf(key);
    if (!place || old.rules.length !== chain.rules.length) return null;
    const kernels = this.dump(place);
    if (kernels.length !== old.rules.length) return null;
    const messages: Buffer[] = [];
    for (const [i, rule] of kernels.entries()) {
      const [from = "", to = ""] = [old.rules[i], chain.rules[i]];
      if (from === to) continue;
      const handle = find(rule, RULE.handle);
      const expressions = Buffer.from(find(rule, RULE.expressions) ?? "");
      if (!handle || !redraw(expressions, from, to)) return null;
      const head = {
        type: TYPE.newRule,
        flags: FLAG.replace,
        sequence: next() + messages.length,
        family: place.family,
      };
      messages.push(
        message(
          head,
          textOf(RULE.table, place.table),
          textOf(RULE.chain, place.name),
          attribute(RULE.handle, handle),
          nest(RULE.expressions, expressions),
        ),
      );
    }
    return messages;
  }

  private dump({ family, table, name }: { family: number; table: string; name: string }): Attribute[][] {
    const sequence = ++this.sequence;
    const head = { type: TYPE.getRule, flags: FLAG.dump, sequence, family };
    writeSync(this.fd, message(head, textOf(RULE.table, table), textOf(RULE.chain, name)));
    const rules: Attribute[][] = [];
    for (;;)
      for (const { type, body } of this.read(sequence)) {
        if (type === DONE || type === ERROR) return rules;
        // Behind family, version and resource.
        rules.push(attributesOf(Buffer.from(body.subarray(4))));
      }
  }

  private commit(first: number, messages: readonly Buffer[]): boolean {
    const last = messages.at(-1);
    last?.writeUInt16LE(last.readUInt16LE(6) | FLAG.ack, 6);
    this.sequence = first + messages.length;
    writeSync(this.fd, transaction(first, messages));
    // An error comes before the acknowledgement of the last one.
    for (;;) {
      const [answer] = this.read(first, this.sequence);
      if (answer) return answer.type === ERROR && answer.body.readInt32LE() === 0;
    }
  }

  /** Messages of one read that answer these; those that answer what was before are left out. */
  private read(first: number, last = first): Message[] {
    const size = readSync(this.fd, this.buffer);
    return messagesOf(this.buffer.subarray(0, size)).filter(({ sequence }) => sequence >= first && sequence <= last);
  }
}
