// SPDX-License-Identifier: Apache-2.0
// The clock of a guest in virtual time, and the way to its agent: they speak in turns (images/agent/box.h). While this program
// thinks, the guest stands still; once nothing is left to be done here but to wait, it goes on until it has something to tell, or
// the time comes for which something here waits.
import { PassThrough, type Readable, Writable } from "node:stream";
import { programsRunning } from "../../host/program.ts";
import { Clock } from "../../util/clock.ts";

const HEAD_BYTES = 12;
/** One turn of the guest's: a limit of CPU time applies to each. */
const TURN_NS = 60e9;
/** Where nothing here waits for the guest, as for a shell, its time goes by as this machine's, in such steps. */
const PACE_NS = 20e6;
/** That long nothing has been done here, and nothing waits: whatever it is does not say so. */
const IDLE_MS = 3000;
/** So many rounds of the event loop in which nothing came are an end of thinking. */
const QUIET_ROUNDS = 3;

interface Due {
  t: number;
  action: () => void;
}

export class Turns extends Clock {
  readonly isVirtual = true;
  /** For the agent's frames. */
  readonly input: Writable;
  readonly output = new PassThrough();
  readonly #to: Writable;
  #now = 0;
  #queue: Buffer[] = [];
  readonly #due = new Set<Due>();
  #waits = 0;
  /** Whose turn it is. The guest begins. */
  #turn: "guest" | "ours" | "none" = "guest";
  /** Grows with everything that is done here. */
  #done = 0;
  #isPaced = false;

  constructor(to: Writable, from: Readable) {
    super();
    this.#to = to;
    this.input = new Writable({
      write: (chunk: Buffer, _, written) => {
        this.#queue.push(chunk);
        this.#stir();
        written();
      },
      destroy: (error, destroyed) => {
        to.destroy();
        destroyed(error);
      },
    });
    let pending: Buffer = Buffer.alloc(0);
    from.on("data", (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      if (pending.length < HEAD_BYTES) return;
      const end = HEAD_BYTES + pending.readUInt32LE(0);
      if (pending.length < end) return;
      const body = pending.subarray(HEAD_BYTES, end);
      const now = Number(pending.readBigInt64LE(4));
      pending = pending.subarray(end);
      this.#answered(now, body);
    });
  }

  now(): number {
    return this.#now;
  }

  at(t: number, action: () => void): () => void {
    if (this.#turn === "none") {
      const timer = setTimeout(action, Math.max(0, (t - this.#now) / 1e6));
      return () => clearTimeout(timer);
    }
    const due = { t, action };
    this.#due.add(due);
    this.#stir();
    return () => void this.#due.delete(due);
  }

  during<T>(promise: Promise<T>): Promise<T> {
    this.#waits++;
    this.#stir();
    return promise.finally(() => this.#waits--);
  }

  override pace(): void {
    this.#isPaced = true;
    this.#stir();
  }

  /** The guest is gone: whoever waits for a time is told that it has come. */
  end(): void {
    this.#turn = "none";
    const left = [...this.#due];
    this.#due.clear();
    for (const { action } of left) action();
  }

  #answered(now: number, body: Buffer): void {
    if (this.#turn === "none") return;
    this.#turn = "ours";
    this.#now = Math.max(this.#now, now);
    this.output.write(body);
    const come = [...this.#due].filter(({ t }) => t <= this.#now).sort((a, b) => a.t - b.t);
    for (const due of come) {
      this.#due.delete(due);
      due.action();
    }
    void this.#think();
  }

  #stir(): void {
    this.#done++;
  }

  /** Until there is nothing to be done here, then gives the turn back. */
  async #think(): Promise<void> {
    let quiet = 0;
    let seen = this.#done;
    let idleSince = 0;
    while (this.#turn === "ours") {
      await new Promise(setImmediate);
      const isBusy = this.#done !== seen || isHostBusy();
      seen = this.#done;
      quiet = isBusy ? 0 : quiet + 1;
      if (quiet < QUIET_ROUNDS || this.#turn !== "ours") continue;
      const wanted = this.#queue.length > 0 || this.#due.size > 0 || this.#waits > 0;
      if (wanted) return this.#give(this.#now + TURN_NS);
      idleSince ||= performance.now();
      await new Promise((resolve) => setTimeout(resolve, this.#isPaced ? PACE_NS / 1e6 : 2));
      if (this.#done === seen && (this.#isPaced || performance.now() - idleSince > IDLE_MS))
        return this.#give(this.#now + PACE_NS);
    }
  }

  #give(latest: number): void {
    const until = Math.max(this.#now + 1, Math.min(latest, ...[...this.#due].map(({ t }) => t)));
    const body = Buffer.concat(this.#queue);
    this.#queue = [];
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(body.length, 0);
    head.writeBigInt64LE(BigInt(Math.ceil(until)), 4);
    this.#turn = "guest";
    this.#to.write(Buffer.concat([head, body]));
  }
}

/** What this program waits for outside of the lab: files and other programs. What comes of that must not depend on how long it takes. */
function isHostBusy(): boolean {
  return programsRunning() > 0 || process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq"));
}
