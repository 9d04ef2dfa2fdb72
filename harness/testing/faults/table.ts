// SPDX-License-Identifier: Apache-2.0
// Rows of a fault test, as Markdown: for the terminal and docs/reliability.md.

export interface Row {
  kind: string;
  fault: string;
  wanted: string;
  got: string;
  passed: boolean;
}

export const rowText = ({ kind, fault, wanted, got, passed }: Row) =>
  `| ${[kind, fault, wanted, passed ? "yes" : `**no**: ${got}`].map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;

export const HEAD = "| kind | fault | must get | got it |\n|---|---|---|---|";

export function tableText(rows: readonly Row[], date: string): string {
  const wrong = rows.filter(({ passed }) => !passed).length;
  return `${rows.length} rows on ${date}, ${wrong} not as wanted.\n\n${HEAD}\n${rows.map(rowText).join("\n")}\n`;
}

/** What stands between `<!-- name -->` and `<!-- end of name -->` is replaced. Throws Error when they are not there. */
export function replaceTable(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`There is no '${begin}' with an end.`);
  return `${text.slice(0, from + begin.length)}\n\n${table}\n${text.slice(to)}`;
}
