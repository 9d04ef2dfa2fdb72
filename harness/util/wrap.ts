// SPDX-License-Identifier: Apache-2.0

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
