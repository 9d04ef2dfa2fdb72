import { UsageError } from "../backend.ts";
import { EXIT } from "../exit-codes.ts";
import { LabError } from "../runtime/runtime.ts";

/**
 * Runs a command to its exit code. Signals abort it in order; errors become one sentence on stderr. A closed stdout
 * (`| head`) ends it like a signal.
 */
export async function runMain(command: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort(new LabError("Interrupted."));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, abort);
  process.stdout.on("error", abort);
  process.stderr.on("error", () => {});
  let code: number;
  try {
    code = await command(controller.signal);
  } catch (error) {
    code = exitCodeOfError(error, controller.signal);
    if (code !== EXIT.interrupted) process.stderr.write(`${errorText(error)}\n`);
  }
  if (controller.signal.aborted) code = EXIT.interrupted;
  process.exitCode = code;
  // What is still open (a socket's keep-alive, an idle pipe) must not keep a finished command alive.
  setTimeout(() => process.exit(), 500).unref();
}

function exitCodeOfError(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return EXIT.interrupted;
  return error instanceof UsageError ? EXIT.usage : EXIT.infrastructure;
}

function errorText(error: unknown): string {
  if (error instanceof UsageError || error instanceof LabError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
