// SPDX-License-Identifier: Apache-2.0
import { type Host, LabError, type Process } from "../runtime/runtime.ts";
import { lineReader } from "./lines.ts";

/**
 * Starts a program and waits until it prints the JSON line with this event. Later on `onEnd` is told how it
 * ended, as the end of a sentence, and `onSaid` what it says on stderr. Throws LabError with what it said when it ends before, or takes longer than 20 s.
 */
export function startProgram(
  host: Host,
  argv: readonly string[],
  event: string,
  { onEnd, onSaid }: { onEnd?: (how: string) => void; onSaid?: (text: string) => void } = {},
): Promise<Process> {
  return new Promise((resolve, reject) => {
    let said = "";
    let ready = false;
    const timer = setTimeout(() => reject(failure("did not get ready within 20 s")), 20_000);
    const failure = (what: string) =>
      new LabError(`'${argv.join(" ")}' in machine '${host.name}' ${what}${said ? `: ${said.trim()}` : "."}`);
    const child = host.spawn(argv, {
      onStdout: lineReader((line) => {
        if (ready) return;
        const found = eventOf(line);
        // No event: what a program says in its own words belongs into the sentence about its failure.
        if (found === null) said = `${said}${line}\n`.slice(-2000);
        if (found !== event) return;
        ready = true;
        clearTimeout(timer);
        resolve(child);
      }),
      onStderr: (chunk) => {
        said = (said + chunk.toString()).slice(-2000);
        if (ready) onSaid?.(chunk.toString());
      },
    });
    child.exited
      .then(
        (exit) => {
          clearTimeout(timer);
          const how = `ended by itself (${exit.code === null ? `signal ${exit.signal}` : `code ${exit.code}`})`;
          if (ready) onEnd?.(`${how}${said ? `: ${said.trim()}` : "."}`);
          else reject(failure(how));
        },
        (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      )
      // What `onEnd` throws has nowhere to go: whoever gave it keeps what it must not lose.
      .catch(() => {});
  });
}

/** The event that a line tells; null when it is no JSON object. */
function eventOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { event?: unknown } | null)?.event;
  } catch {
    return null;
  }
}
