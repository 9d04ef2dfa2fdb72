// SPDX-License-Identifier: Apache-2.0
import { lineReader } from "../traffic/lines.ts";
import { type Exit, type Host, LabError, type Process } from "./runtime.ts";

const SIGTERM = 15;
const READY_MS = 20_000;
const SAID_CHARACTERS = 2000;

export interface DaemonOptions {
  env?: Readonly<Record<string, string>>;
  /** Every line on stderr. */
  onLine?: (line: string) => void;
  /** What it says on stderr once it is ready. */
  onSaid?: (text: string) => void;
  /** The JSON lines that it prints once it is ready. */
  onReport?: (line: Record<string, unknown>) => void;
  /** Once it is ready: how it ended, as the end of a sentence. */
  onEnd?: (how: string) => void;
}

/** A program in a machine that serves until it is stopped. */
export class Daemon {
  readonly process: Process;
  readonly #name: string;
  readonly #host: Host;
  readonly #ended: Promise<string>;
  #onEvent: (event: unknown) => void = () => {};
  #onLine: (line: string) => void = () => {};
  #said = "";
  #ready = false;
  #expected = false;
  /** Until it has ended. */
  alive = true;

  constructor(host: Host, argv: readonly string[], { env, onLine, onSaid, onReport, onEnd }: DaemonOptions = {}) {
    this.#host = host;
    this.#name = `'${argv.join(" ")}' in machine '${host.name}'`;
    const lines = lineReader((line) => {
      onLine?.(line);
      this.#onLine(line);
    });
    this.process = host.spawn(argv, {
      ...(env ? { env } : {}),
      onStdout: lineReader((line) => {
        if (this.#ready && !onReport) return;
        const report = reportIn(line);
        if (this.#ready) {
          if (report) onReport?.(report);
          return;
        }
        // What a program says in its own words belongs into the sentence about its failure.
        if (report) this.#onEvent(report.event);
        else this.#keep(`${line}\n`);
      }),
      onStderr: (chunk) => {
        this.#keep(chunk.toString());
        lines(chunk);
        if (this.#ready) onSaid?.(chunk.toString());
      },
    });
    this.#ended = this.process.exited.then((exit) => this.#end(exit, onEnd));
    // What `onEnd` throws has nowhere to go: whoever gave it keeps what it must not lose.
    this.#ended.catch(() => {});
  }

  /** Resolves when it prints the JSON line with this event. Rejects with LabError when it ends before, or takes longer than 20 s. */
  ready(event: string): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#onEvent = (found) => {
        if (found === event) resolve();
      };
    });
    return this.while(seen);
  }

  /** Resolves when `seen` says so of the lines that follow on stderr; rejects with what it throws, and as `while` does. */
  until(seen: (line: string) => boolean): Promise<void> {
    return this.while(
      new Promise((resolve, reject) => {
        this.#onLine = (line) => {
          try {
            if (seen(line)) resolve();
          } catch (error) {
            reject(error as Error);
          }
        };
      }),
    );
  }

  /** The promise: with it the program is ready. Rejects with LabError when the program ends before, or that takes too long. */
  async while<T>(promise: Promise<T>, withinMs = READY_MS): Promise<T> {
    const ended = this.#ended.then((how) => {
      throw this.#failure(how);
    });
    ended.catch(() => {});
    const late = () => this.#failure(`was not ready within ${withinMs / 1000} s${this.#words()}`);
    const value = await this.#host.clock.within(Promise.race([promise, ended]), withinMs, late);
    this.#ready = true;
    return value;
  }

  signal(number: number): void {
    this.process.signal(number);
  }

  stop(): Promise<void> {
    return this.end(SIGTERM);
  }

  /** Ends it by a signal; that is no fault. */
  async end(signal: number): Promise<void> {
    this.expectEnd();
    this.process.signal(signal);
    await this.#host.clock.during(this.#ended).catch(() => {});
  }

  /** It may end from now on: nobody is told. */
  expectEnd(): void {
    this.#expected = true;
  }

  #keep(text: string): void {
    this.#said = (this.#said + text).slice(-SAID_CHARACTERS);
  }

  #end({ code, signal }: Exit, onEnd: DaemonOptions["onEnd"]): string {
    this.alive = false;
    const how = `ended by itself (${code === null ? `signal ${signal}` : `code ${code}`})${this.#words()}`;
    if (this.#ready && !this.#expected) onEnd?.(how);
    return how;
  }

  #failure(how: string): LabError {
    return new LabError(`${this.#name} ${how}`);
  }

  /** The end of a sentence. */
  #words(): string {
    return this.#said.trim() === "" ? "." : `: ${this.#said.trim()}`;
  }
}

/** null: the line is no JSON object. */
function reportIn(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

/**
 * Starts a program and waits until it prints the JSON line with this event. Later on `onEnd` is told how it ended, as the end of a
 * sentence, and `onSaid` what it says on stderr. Throws LabError with what it said when it ends before, or takes longer than 20 s.
 */
export async function startProgram(
  host: Host,
  argv: readonly string[],
  event: string,
  options: Pick<DaemonOptions, "onEnd" | "onSaid" | "onReport"> = {},
): Promise<Process> {
  const daemon = new Daemon(host, argv, options);
  await daemon.ready(event);
  return daemon.process;
}
