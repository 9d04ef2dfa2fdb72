// SPDX-License-Identifier: Apache-2.0
// JSON with comments, where each value keeps its line: what does not fit is told with it.
import {
  findNodeAtLocation,
  getNodeValue,
  type Node,
  type ParseError,
  parseTree,
  printParseErrorCode,
} from "jsonc-parser";
import { UsageError } from "../util/errors.ts";

export interface Lines {
  value: unknown;
  /** The line of a value, or of the nearest one around it. The parts of a path are as zod has them. */
  lineOf(path: readonly PropertyKey[]): number;
}

/** By the library's names of errors; any other means that a value is missing. */
const EXPECTED: Readonly<Record<string, string>> = {
  PropertyNameExpected: "a key in quotes, or '}'",
  ColonExpected: "':'",
  CommaExpected: "','",
  CloseBraceExpected: "',' or '}'",
  CloseBracketExpected: "',' or ']'",
  EndOfFileExpected: "nothing more",
};

/** Throws UsageError with the line. `name` is how the file is called in sentences. */
export function parseJsonc(text: string, name: string): Lines {
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length;
  const wrong = (offset: number, expected: string) =>
    new UsageError(`${name}, line ${lineAt(offset)}: expected ${expected}.`);
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  // A word without quotes is told twice: as such, and by what is expected in its place.
  const named = errors.map(({ error }) => printParseErrorCode(error)).find((error) => error !== "InvalidSymbol");
  if (first) throw wrong(first.offset, EXPECTED[named ?? ""] ?? "a value");
  if (!tree) throw wrong(text.length, "a value");
  const twice = repeatedKey(tree);
  if (twice) throw wrong(twice.offset, `each key once: '${twice.value}' is there twice`);
  return {
    value: getNodeValue(tree),
    lineOf(path) {
      const words = path.map((part) => (typeof part === "number" ? part : String(part)));
      for (let length = words.length; length > 0; length--) {
        const node = findNodeAtLocation(tree, words.slice(0, length));
        if (node) return lineAt(node.offset);
      }
      return lineAt(tree.offset);
    },
  };
}

function repeatedKey({ type, children = [] }: Node): Node | null {
  const keys = type === "object" ? children.flatMap((property) => property.children?.[0] ?? []) : [];
  const repeated = keys.find((key, i) => keys.findIndex(({ value }) => value === key.value) < i);
  return repeated ?? children.map(repeatedKey).find((found) => found !== null) ?? null;
}
