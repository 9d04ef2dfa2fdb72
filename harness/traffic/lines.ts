// SPDX-License-Identifier: Apache-2.0
/** Cuts a byte stream into lines; what follows the last newline waits for more. */
export function lineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  return byteLineReader((line) => onLine(line.toString()));
}

export function byteLineReader(onLine: (line: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = [];
  return (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const part = chunk.subarray(from, at);
      onLine(rest.length === 0 ? part : Buffer.concat([...rest, part]));
      rest = [];
      from = at + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
  };
}
