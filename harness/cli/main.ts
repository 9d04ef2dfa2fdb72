// SPDX-License-Identifier: Apache-2.0
import { setMaxListeners } from "node:events";
import { constants } from "node:os";
import { Damaged } from "../record/damage.ts";
import { LabError } from "../runtime/runtime.ts";
import { Interrupted, Uncaught } from "../util/abortable.ts";
import { systemReason, UsageError } from "../util/errors.ts";
import { EXIT } from "../util/exit-codes.ts";
import type { Surroundings } from "./command.ts";

/**
 * Runs a command to its exit code. A signal aborts it in order, a second one ends it at once; errors become one sentence
 * on stderr. An error that nothing catches aborts it in order too, with its stack on stderr and exit code 3. A closed stdout (`| head`) ends it like a signal; output that could not be written makes the exit code 3.
 */
export async function runMain(command: (surroundings: Surroundings) => Promise<number>): Promise<void> {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // one for each program under way
  let signalledMs = 0;
  const onSignal = (_name: string, number: number) => {
    // timeout(1), and a terminal together with npm, send the same signal twice in a row.
    if (signalledMs > 0 && performance.now() - signalledMs > 200) process.exit(EXIT.interrupted);
    signalledMs ||= performance.now();
    controller.abort(new Interrupted(number));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  const unwritten: string[] = [];
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") controller.abort(new Interrupted(constants.signals.SIGPIPE));
    else unwritten.push(`Cannot write the output: ${systemReason(error)}.`);
  });
  process.stderr.on("error", () => {});
  // Rejections that nothing handles come here as well.
  process.on("uncaughtException", (error) => {
    process.stderr.write(`${errorText(error)}\n`);
    controller.abort(new Uncaught(error));
  });
  let code: number;
  try {
    code = await command({
      env: process.env,
      cwd: process.cwd(),
      print: (text) => void process.stdout.write(text),
      signal: controller.signal,
    });
  } catch (error) {
    code = exitCodeOfError(error, controller.signal);
    if (!controller.signal.aborted) process.stderr.write(`${errorText(error)}\n`);
  }
  // What was written before has been taken or refused by then, and the error told.
  await new Promise((resolve) => process.stdout.write("", () => setImmediate(resolve)));
  if (unwritten[0] !== undefined) {
    process.stderr.write(`${unwritten[0]}\n`);
    code = EXIT.infrastructure;
  }
  // Beyond 128 the command says itself how it was interrupted: `exec` as its program was.
  if (controller.signal.reason instanceof Uncaught) code = EXIT.infrastructure;
  else if (controller.signal.aborted && code <= 128) code = EXIT.interrupted;
  process.exitCode = code;
  // At its own end Node.js takes the handlers away before it is gone: a signal would end it then.
  process.once("beforeExit", () => process.exit());
  // What is still open (a socket's keep-alive, an idle pipe) must not keep a finished command alive.
  setTimeout(() => process.exit(), 500).unref();
}

export function exitCodeOfError(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return EXIT.interrupted;
  if (error instanceof Damaged) return EXIT.insufficient;
  return error instanceof UsageError ? EXIT.usage : EXIT.infrastructure;
}

export function errorText(error: unknown): string {
  if (error instanceof UsageError || error instanceof LabError) return error.message;
  return refusal(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/** What the system refused, as a sentence; null for an error of another kind. */
function refusal(error: unknown): string | null {
  const { syscall, path, code } = error as Partial<NodeJS.ErrnoException>;
  if (!(error instanceof Error) || syscall === undefined || code === undefined) return null;
  return `The system refuses ${syscall.replace(/^uv_/, "")}${path === undefined ? "" : ` of '${path}'`}: ${systemReason(error)}.`;
}
