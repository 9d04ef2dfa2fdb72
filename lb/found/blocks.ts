// SPDX-License-Identifier: Apache-2.0
// Files of statements and blocks in braces, as keepalived and nginx read them: parsed with their lines, and written again line by line.
import { wrongAt } from "./file.ts";

export interface Statement {
  line: number;
  words: readonly string[];
  /** null: it has no block. */
  block: readonly Statement[] | null;
}

/** "lines": a statement ends with its line (keepalived); "semicolons": it ends with ";" (nginx). */
type Style = "lines" | "semicolons";

interface Token {
  text: string;
  line: number;
}

const COMMENT = { lines: /^[#!]/, semicolons: /^#/ };
const WORD = {
  lines: /^(?:"[^"\n]*"|[^\s{}"]+)+/,
  semicolons: /^(?:"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|\$\{\w+\}|[^\s{};"'])+/,
};

function tokensOf(file: string, text: string, style: Style): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  for (let rest = text; rest !== ""; ) {
    const comment = COMMENT[style].test(rest) && /^[^\n]*/.exec(rest)?.[0];
    const found = comment || /^[^\S\n]+/.exec(rest)?.[0] || /^[\n{};]/.exec(rest)?.[0] || WORD[style].exec(rest)?.[0];
    if (!found) throw wrongAt(file, line, `'${rest.split("\n")[0]}' has a quote that does not end`);
    if (!comment && (found === "\n" || found.trim() !== "")) tokens.push({ text: found, line });
    line += found.split("\n").length - 1;
    rest = rest.slice(found.length);
  }
  return tokens;
}

/** Throws UsageError where braces do not fit. */
export function parseBlocks(file: string, text: string, style: Style): Statement[] {
  const parser = new Parser(file, style);
  for (const token of tokensOf(file, text, style)) parser.take(token);
  return parser.end();
}

type Head = Omit<Statement, "block">;

class Parser {
  readonly #file: string;
  readonly #style: Style;
  readonly #whole: Statement[] = [];
  readonly #open: { head: Head | null; block: Statement[] }[];
  #words: Token[] = [];

  constructor(file: string, style: Style) {
    this.#file = file;
    this.#style = style;
    this.#open = [{ head: null, block: this.#whole }];
  }

  take(token: Token): void {
    if (token.text === "{") this.#begin(token);
    else if (token.text === "}") this.#close(token);
    else if (token.text === (this.#style === "lines" ? "\n" : ";")) this.#finish();
    else if (token.text !== "\n") this.#words.push(token);
  }

  end(): Statement[] {
    const [first] = this.#words;
    if (first && this.#style === "semicolons")
      throw wrongAt(this.#file, first.line, `'${first.text}' does not end with ';'`);
    this.#finish();
    const inner = this.#open[1]?.head;
    if (inner) throw wrongAt(this.#file, inner.line, `'${inner.words[0]} {' does not end`);
    return this.#whole;
  }

  #head(): Head | null {
    const [first] = this.#words;
    const head = first ? { line: first.line, words: this.#words.map(({ text }) => text) } : null;
    this.#words = [];
    return head;
  }

  #finish(): void {
    const head = this.#head();
    if (head) this.#open.at(-1)?.block.push({ ...head, block: null });
  }

  /** The brace may stand in the line behind its words. */
  #begin({ line }: Token): void {
    const head = this.#head() ?? (this.#style === "lines" ? this.#open.at(-1)?.block.pop() : undefined);
    if (!head) throw wrongAt(this.#file, line, "'{' stands behind nothing");
    this.#open.push({ head, block: [] });
  }

  #close({ line }: Token): void {
    this.#finish();
    const closed = this.#open.length > 1 ? this.#open.pop() : undefined;
    if (!closed?.head) throw wrongAt(this.#file, line, "'}' ends nothing");
    this.#open.at(-1)?.block.push({ ...closed.head, block: closed.block });
  }
}

/** Each statement in the line that it came from, so that what a program says of a line is true of the file. */
export function printBlocks(statements: readonly Statement[], style: Style): string {
  let line = 1;
  let text = "";
  const print = (statement: Statement) => {
    const newLines = Math.max(style === "lines" && text !== "" ? 1 : 0, statement.line - line);
    text += newLines > 0 ? "\n".repeat(newLines) : " ";
    line += newLines;
    text += statement.words.join(" ");
    if (statement.block === null) {
      if (style === "semicolons") text += ";";
      return;
    }
    text += " {";
    for (const inner of statement.block) print(inner);
    text += style === "lines" ? "\n}" : " }";
    if (style === "lines") line++;
  };
  for (const statement of statements) print(statement);
  return `${text.replace(/^ /, "")}\n`;
}
