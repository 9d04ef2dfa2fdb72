// SPDX-License-Identifier: Apache-2.0

const MOST_COLUMNS = 100;
const LEAST_COLUMNS = 60;

/** Of texts for people, in characters: as the terminal has, within limits. A terminal that does not know its size says 0. */
export const textColumns = (columns = process.stdout.columns): number =>
  columns ? Math.min(MOST_COLUMNS, Math.max(LEAST_COLUMNS, columns)) : MOST_COLUMNS;

/** Lines of at most `width` characters, broken between words; a number keeps its unit, a no-break space holds, a longer word gets a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/[^\S\u00a0]+(?!(?:s|ms|%)(?!\w))/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
