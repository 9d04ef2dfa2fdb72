// SPDX-License-Identifier: Apache-2.0
// One virtual machine: started, its agent spoken to, its console read. However this process ends, it ends too.
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import path from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { buildDir } from "../../host/locate.ts";
import { systemPath } from "../../host/tools.ts";
import { type Clock, monotonic } from "../../util/clock.ts";
import { within } from "../../util/deadline.ts";
import { makeDirs } from "../../util/make-dirs.ts";
import { Agent } from "../agent.ts";
import { LabError } from "../runtime.ts";
import { findTrace } from "./trace.ts";
import { Turns } from "./turns.ts";

const STOP_MS = 6000;
/** A guest that answers nothing for so long hangs: the emulated ones of a busy machine need seconds at most. */
const SILENT_MS = 60_000;
/** For one turn of a guest in virtual time, 60 s of its own at most: of CPU time, and of real time in which QEMU uses none. */
const TURN_LIMIT_S = 120;
/** EXIT_ENDLESS and EXIT_STILL in images/agent. */
const [ENDLESS, STILL] = [99, 98];
const KEPT_CHARACTERS = 200_000;

export interface Guest {
  agent: Agent;
  clock: Clock;
  /** Settles when the machine has ended, with why. */
  ended: Promise<string>;
  /** Powers it off, by force when it does not obey. */
  stop(): Promise<void>;
}

/** The guest's kernel went down; another attempt may be worth it. */
export class GuestPanic extends LabError {
  override name = "GuestPanic";
}

/**
 * Throws LabError when the machine does not answer in time, GuestPanic when its kernel went down; then nothing is left of it.
 * One that falls silent later on is ended too, so that whatever waits for it is told.
 */
export async function bootGuest(
  argv: readonly string[],
  options: { readyMs: number; silentMs?: number; logs?: string | undefined; signal: AbortSignal },
): Promise<Guest> {
  const { readyMs, silentMs = SILENT_MS, signal } = options;
  const qemu = startQemu(argv, options.logs);
  const { agent, ended, kill } = qemu;
  signal.addEventListener("abort", kill, { once: true });
  try {
    const late = () =>
      new LabError(`The guest does not answer within ${readyMs / 1000} s. The last on its console: ${qemu.console()}`);
    await within(agent.ready, readyMs, late);
    watchGuest(agent, silentMs, () =>
      qemu.endFor(
        `the guest has not answered for ${silentMs / 1000} s and was ended. The last on its console: ${qemu.console()}`,
      ),
    );
    return { agent, clock: monotonic, ended, stop: qemu.stop };
  } catch (cause) {
    kill();
    const why = await ended;
    signal.throwIfAborted();
    if (qemu.panicked()) throw new GuestPanic(capital(why), { cause });
    throw new LabError((cause as Error).message, { cause });
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

/** One in virtual time: what it takes is a matter of CPU time, not of this machine's clock. Throws as `bootGuest` does. */
export async function bootVirtual(
  argv: readonly string[],
  options: { turnLimitS?: number; logs?: string | undefined; signal: AbortSignal },
): Promise<Guest & { clock: Turns }> {
  const { turnLimitS = TURN_LIMIT_S, logs, signal } = options;
  const qemu = startQemu([path.join(buildDir, "agent"), "outside", `${turnLimitS}`, ...argv], logs, {
    [ENDLESS]: `the guest has used ${turnLimitS} s of CPU time without coming to an end of anything, and was ended.`,
    [STILL]: `the guest has stood still for ${turnLimitS} s, and was ended.`,
  });
  const { agent, clock, ended, kill } = qemu;
  if (!(clock instanceof Turns)) throw new LabError("A guest in virtual time has a clock of its own.");
  signal.addEventListener("abort", kill, { once: true });
  try {
    await agent.ready;
    return { agent, clock, ended, stop: qemu.stop };
  } catch (cause) {
    kill();
    const why = await ended;
    signal.throwIfAborted();
    throw new LabError(capital(why), { cause });
  } finally {
    signal.removeEventListener("abort", kill);
  }
}

/**
 * QEMU, what it and its guest say, and its end: whoever waits for something of it is told why that does not come. In virtual time
 * there are sentences for exit codes with which it is ended.
 */
function startQemu(argv: readonly string[], logs: string | undefined, sentences?: Readonly<Record<number, string>>) {
  // The kernel kills QEMU when this process dies, even if the guest hangs and does not notice the end of its port.
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...argv], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    detached: true,
    cwd: "/",
    env: { ...process.env, PATH: systemPath() },
  });
  let [said, silent, consoleText] = ["", "", ""];
  const keep = (text: string, chunk: Buffer) => (text + chunk.toString()).slice(-KEPT_CHARACTERS);
  child.stderr.on("data", (chunk: Buffer) => {
    said = keep(said, chunk);
  });
  (child.stdio[3] as Readable).on("data", (chunk: Buffer) => {
    consoleText = keep(consoleText, chunk);
    if (logs) appendLog(logs, chunk);
  });
  for (const stream of child.stdio) stream?.on("error", () => {});
  // Closed by us once it is known why, so that whoever waits is told.
  const turns = sentences ? new Turns(child.stdin, child.stdout) : null;
  const output = turns?.output ?? new PassThrough();
  if (!turns) child.stdout.pipe(output, { end: false });
  const agent = new Agent(turns?.input ?? child.stdin, output, turns ?? monotonic);
  const ended = new Promise<string>((resolve) => {
    const end = (why: string) => {
      const trace = findTrace(consoleText);
      const sentence = trace ? `the guest's kernel went down:\n${trace}` : silent || why;
      agent.lost(capital(sentence));
      turns?.end();
      output.destroy();
      resolve(sentence);
    };
    child.on("error", (error) => end(`QEMU cannot be started: ${error.message}`));
    child.on("close", (code, signal) => {
      const late = sentences?.[code ?? 0];
      end(
        late
          ? `${late} The last on its console: ${lastLines(consoleText)}`
          : `QEMU has ended (${signal ?? `exit code ${code}`})${said ? `: ${said.trim().slice(-600)}` : ""}`,
      );
    });
  });
  const kill = () => void child.kill("SIGKILL");
  return {
    agent,
    clock: turns ?? monotonic,
    ended,
    kill,
    /** Ends it; whoever waits is told this. */
    endFor(why: string) {
      silent = why;
      kill();
    },
    stop: async () => {
      child.stdin.destroy();
      const killer = setTimeout(kill, STOP_MS);
      await ended;
      clearTimeout(killer);
    },
    console: () => lastLines(consoleText),
    panicked: () => findTrace(consoleText) !== null,
  };
}

/** Asks for its clock now and then until it is gone; one answer may take `silentMs` ms. */
function watchGuest(agent: Agent, silentMs: number, onSilent: () => void): void {
  const ask = () =>
    within(agent.clock(), silentMs, () => new GuestSilent()).then(
      () => void setTimeout(ask, silentMs / 6).unref(),
      (error: unknown) => {
        if (error instanceof GuestSilent) onSilent();
      },
    );
  void ask();
}

class GuestSilent extends Error {}

function appendLog(logs: string, chunk: Buffer): void {
  try {
    makeDirs(logs);
    appendFileSync(path.join(logs, "console.log"), chunk);
  } catch {
    // A full disk must not end the guest; the record says what it needs to itself.
  }
}

const capital = (sentence: string) => sentence.replace(/^[a-z]/, (letter) => letter.toUpperCase());

function lastLines(text: string): string {
  return text.trim() === "" ? "nothing." : text.trim().split("\n").slice(-3).join(" / ").slice(-400);
}
