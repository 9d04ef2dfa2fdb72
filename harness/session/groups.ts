// SPDX-License-Identifier: Apache-2.0
import { lineReader } from "../traffic/lines.ts";
import type { SessionStatus } from "./session.ts";
import type { Outputs } from "./terminal.ts";

/** Machines that are named together. */
export const GROUPS = {
  targets: ({ targets }: SessionStatus) => targets.map(({ name }) => name),
  routers: ({ routers }: SessionStatus) => routers,
  testers: ({ testers }: SessionStatus) => testers,
  all: ({ targets, routers, testers }: SessionStatus) => [...targets.map(({ name }) => name), ...routers, ...testers],
} as const;

export const isGroup = (name: string): name is keyof typeof GROUPS => Object.hasOwn(GROUPS, name);

/** Each line begins with its machine's name; `end` writes a last one that has no end of its own. */
export function labelled(name: string): Outputs & { end(): void } {
  const to = (stream: NodeJS.WriteStream) => {
    const read = lineReader((line) => void stream.write(`${name}: ${line}\n`));
    let last = 10;
    const write = (chunk: Buffer) => {
      read(chunk);
      last = chunk.at(-1) ?? last;
    };
    return { write, end: () => (last === 10 ? undefined : read(Buffer.from("\n"))) };
  };
  const [out, err] = [to(process.stdout), to(process.stderr)];
  return {
    stdout: out.write,
    stderr: err.write,
    end() {
      out.end();
      err.end();
    },
  };
}
