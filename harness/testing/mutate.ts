// SPDX-License-Identifier: Apache-2.0
// Damage to files of text or JSON, by a seeded generator: a byte, a line or a field is changed, added, doubled or removed.

/** Values that a field may have after a mishap. */
const ODD = ["null", "-1", "1e999", "{}", "[]", '"\\u0000"', "9007199254740993", "4294967296", "true", '"__proto__"'];

/** `random`: numbers in [0, 1). */
export function mutate(bytes: Buffer, random: () => number): Buffer {
  const below = (n: number) => Math.floor(random() * n);
  const at = below(bytes.length);
  const lines = bytes.toString().split("\n");
  const line = below(lines.length);
  const value = ODD[below(ODD.length)] ?? "";
  const changes: (() => Buffer | string)[] = [
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from([below(256)]), bytes.subarray(at + 1)]),
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from([below(256)]), bytes.subarray(at)]),
    () => lines.toSpliced(line, 1).join("\n"),
    () => lines.toSpliced(line, 0, lines[below(lines.length)] ?? "").join("\n"),
    () => replaceNth(bytes.toString(), /(?<=":\s?)("[^"]*"|-?\d+|\[\]|\{\}|true|false|null)/g, below(2000), value),
    () => replaceNth(bytes.toString(), /"\w+":/g, below(2000), '"null":'),
  ];
  return Buffer.from(changes[below(changes.length)]?.() ?? bytes);
}

function replaceNth(text: string, pattern: RegExp, n: number, by: string): string {
  const found = [...text.matchAll(pattern)];
  const match = found[n % Math.max(1, found.length)];
  return match ? text.slice(0, match.index) + by + text.slice(match.index + match[0].length) : text;
}
