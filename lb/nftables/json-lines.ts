// SPDX-License-Identifier: Apache-2.0
/** Line (from 1) of the value at this path of valid JSON; of the nearest that is there when the path leads nowhere. */
export function lineOfPath(text: string, path: readonly PropertyKey[]): number {
  const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g)];
  let at = 0;
  let best = 0;
  const peek = () => tokens[at]?.[0];

  /** Walks over one value; `rest` is what of the path is still to be found in it, null when it is not on the path. */
  const walk = (rest: readonly PropertyKey[] | null): void => {
    const opening = peek();
    at++;
    if (opening !== "{" && opening !== "[") return;
    for (let index = 0; peek() !== "}" && peek() !== "]" && at < tokens.length; index++) {
      const start = at;
      let key: PropertyKey = index;
      if (opening === "{") {
        key = JSON.parse(peek() ?? '""') as string;
        at += 2;
      }
      const on = rest !== null && rest.length > 0 && String(rest[0]) === String(key);
      if (on) best = start;
      walk(on ? rest.slice(1) : null);
      if (peek() === ",") at++;
    }
    at++;
  };
  walk(path);
  return text.slice(0, tokens[best]?.index ?? 0).split("\n").length;
}

/** Line (from 1) of the first thing that is no JSON; JSON.parse names a position only for some errors. */
export function lineOfError(text: string): number {
  const token = /\s*("(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\]:,])/y;
  const next = (): string | null => {
    const at = token.lastIndex;
    const found = token.exec(text);
    if (!found) token.lastIndex = at;
    return found?.[1] ?? null;
  };
  /** Takes one value whose first token was read; false at an error. */
  const value = (first: string | null): boolean => {
    if (first === null || /^[}\]:,]$/.test(first)) return false;
    if (first !== "{" && first !== "[") return true;
    const closing = first === "{" ? "}" : "]";
    let word = next();
    if (word === closing) return true;
    for (; ; word = next()) {
      if (!(first === "{" ? field(word) : value(word))) return false;
      const separator = next();
      if (separator === closing) return true;
      if (separator !== ",") return false;
    }
  };
  const field = (name: string | null) => name?.startsWith('"') === true && next() === ":" && value(next());
  value(next());
  const rest = text.slice(token.lastIndex).match(/^\s*/)?.[0].length ?? 0;
  return text.slice(0, token.lastIndex + rest).split("\n").length;
}
