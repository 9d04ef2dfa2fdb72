// SPDX-License-Identifier: Apache-2.0
// The one way to run programs of this machine. Where a stream or a descriptor is handed over (the agent, QEMU, the keeper,
// a browser, an engine) `spawn` is used instead, and biome.json lists those files.
import type { Readable } from "node:stream";
import { $, type ProcessPromise } from "zx/core";
import { LabError } from "../runtime/runtime.ts";
import { toolPath } from "./tools.ts";

/** A program that was ended as it took too long: it said nothing about what it was asked. */
export class TookTooLong extends LabError {}

export interface ProgramOptions {
  /** Then the program is ended, and it is an error. 60 s where nothing is said. */
  timeoutMs?: number;
  /** Ends the program; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Its stdin; empty where nothing is said. */
  input?: string | Uint8Array;
  cwd?: string;
  /** In addition to this process's environment; undefined removes a variable. PATH has the system's folders and sbin. */
  env?: NodeJS.ProcessEnv;
  /** Its stderr goes where this process's goes. */
  showStderr?: boolean;
  /** false: a program that fails is an output like any other. */
  check?: boolean;
  /** Nobody waits for what comes of it. */
  isBackground?: boolean;
}

export interface ProgramOutput {
  /** null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** stdout as it came. */
  bytes: Buffer;
}

/** A program under way. */
export interface RunningProgram {
  pid: number | undefined;
  stdout: Readable;
  stderr: Readable;
  kill(signal?: NodeJS.Signals): void;
  /** Rejects as `runProgram` does. */
  ended: Promise<ProgramOutput>;
}

/** How long a program may take to obey SIGTERM. */
const OBEY_MS = 10_000;
const SAID_LINES = 3;
const SAID_CHARACTERS = 600;
const NOT_FOUND = 127;

/** Bash that is not below another shell takes a pipe for a network's connection, and reads the user's ~/.bashrc first. */
const SHLVL = "1";

let running = 0;

/** Programs that have been started here and have not ended, but for those in the background. */
export const programsRunning = () => running;

/**
 * Runs a program to its end. Throws LabError with the last that it said when it fails, takes too long or cannot be started: the last
 * also where `check` is false.
 */
export function runProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramOutput> {
  return launchProgram(argv, options).ended;
}

/** Starts a program, for those who watch it or end it. */
export function launchProgram(argv: readonly string[], options: ProgramOptions = {}): RunningProgram {
  options.signal?.throwIfAborted();
  const store = { stdout: [], stderr: [], stdall: [] };
  // The shell becomes the program: a signal reaches it, and its pid is the program's.
  const shell = $({
    prefix: "exec ",
    quiet: true,
    verbose: false,
    nothrow: true,
    store,
    stdio: [
      options.input === undefined ? "ignore" : "pipe",
      "pipe",
      options.showStderr ? ("inherit" as const) : ("pipe" as const),
    ],
    env: { ...process.env, SHLVL, PATH: toolPath(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.input === undefined ? {} : { input: Buffer.from(options.input) }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const child: ProcessPromise = shell`${argv}`;
  // A program that ends before it has read everything is judged by its exit code.
  if (options.input !== undefined) child.stdin.on("error", () => {});
  const deadline = endInTime(child, options.timeoutMs ?? 60_000);
  const finish = async (): Promise<ProgramOutput> => {
    const output = await child;
    deadline.cancel();
    options.signal?.throwIfAborted();
    const bytes = Buffer.concat(store.stdout);
    const result = {
      code: output.signal === null ? output.exitCode : null,
      signal: output.signal,
      stdout: bytes.toString(),
      stderr: Buffer.concat(store.stderr).toString(),
      bytes,
    };
    if (deadline.passed())
      throw new TookTooLong(
        `Cannot run '${nameOf(argv)}': it took longer than ${(options.timeoutMs ?? 60_000) / 1000} s.`,
        { cause: output },
      );
    const why = whyNotRun(argv, result, output.cause, options.check ?? true);
    if (why !== null) throw new LabError(`Cannot run '${nameOf(argv)}': ${why}`, { cause: output.cause ?? output });
    return result;
  };
  const counted = options.isBackground ? 0 : 1;
  running += counted;
  const ended = finish().finally(() => {
    running -= counted;
  });
  ended.catch(() => {});
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    kill: (signal = "SIGTERM") => void child.child?.kill(signal),
    ended,
  };
}

/** By force where it does not obey; then what its own children still hold open is not waited for. */
function endInTime({ child }: ProcessPromise, timeoutMs: number) {
  let passed = false;
  let timer = setTimeout(() => {
    passed = true;
    child?.kill("SIGTERM");
    timer = setTimeout(() => {
      child?.kill("SIGKILL");
      child?.stdout?.destroy();
      child?.stderr?.destroy();
    }, OBEY_MS);
  }, timeoutMs);
  return { cancel: () => clearTimeout(timer), passed: () => passed };
}

/** The end of a sentence; null: it ran, and well where that is asked for. */
function whyNotRun(argv: readonly string[], output: ProgramOutput, cause: Error | null, check: boolean): string | null {
  if (output.code === NOT_FOUND && output.stderr.includes(`exec: ${argv[0]}: `)) return "there is no such program.";
  if (cause && output.signal === null) return cause.message;
  if (output.code === 0 || !check) return null;
  const said = lastWords(output.stderr) || lastWords(output.stdout);
  return (
    said || (output.code === null ? `it was ended by signal ${output.signal}.` : `it ended with code ${output.code}.`)
  );
}

function lastWords(text: string): string {
  return text.trim().split("\n").slice(-SAID_LINES).join(" ").slice(-SAID_CHARACTERS);
}

/** What tells two of its uses apart. */
function nameOf(argv: readonly string[]): string {
  return argv.slice(0, 2).join(" ").slice(0, 100);
}
