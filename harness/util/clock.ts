// SPDX-License-Identifier: Apache-2.0
// The time that passes in a lab, and what waits for it.

/** CLOCK_MONOTONIC of this machine in nanoseconds. Exact below 2^53: 104 days of uptime. */
export const nowNs = () => Number(process.hrtime.bigint());

/** Whoever waits for something in a lab waits by its clock: nanoseconds of the CLOCK_MONOTONIC that the lab's programs read. */
export abstract class Clock {
  /** It stands still while this program thinks, and how busy this machine is changes nothing. */
  abstract readonly isVirtual: boolean;
  abstract now(): number;
  /** What machines of the lab tell may be earlier or later by so much: their clocks are others. */
  get errorNs(): number {
    return 0;
  }
  /** Calls `action` at that moment, or soon after. Returns what keeps it from that. */
  abstract at(t: number, action: () => void): () => void;
  /** The promise. It comes true as time goes by in the lab, and that is waited for. */
  abstract during<T>(promise: Promise<T>): Promise<T>;

  /** From now on time goes by where nothing waits for it, too: for whoever looks into the lab by hand. */
  pace(): void {}

  /** Resolves at that moment; rejects when the signal aborts. */
  sleepUntil(t: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (t <= this.now()) return resolve();
      const onAbort = () => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.at(t, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.sleepUntil(this.now() + ms * 1e6, signal);
  }

  /** The promise, or the error when it takes longer. */
  async within<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
    let cancel = () => {};
    const deadline = new Promise<never>((_, reject) => {
      cancel = this.at(this.now() + ms * 1e6, () => reject(late()));
    });
    return this.during(Promise.race([promise, deadline])).finally(() => cancel());
  }
}

/** This machine's. */
class Monotonic extends Clock {
  readonly isVirtual: boolean = false;
  now = nowNs;

  at(t: number, action: () => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    const wait = () => {
      const leftMs = (t - nowNs()) / 1e6;
      if (leftMs <= 0) return action();
      timer = setTimeout(wait, Math.min(2 ** 31 - 1, Math.max(1, Math.floor(leftMs))));
    };
    wait();
    return () => clearTimeout(timer);
  }

  during<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }
}

export const monotonic: Clock = new Monotonic();

/** This machine's, to which clocks of others are related with an error. */
export class Related extends Monotonic {
  readonly #errorNs: () => number;

  constructor(errorNs: () => number) {
    super();
    this.#errorNs = errorNs;
  }

  override get errorNs(): number {
    return this.#errorNs();
  }
}

/** Of a lab in virtual time that is not up yet: there it is the moment of its birth. */
class Standing extends Monotonic {
  override readonly isVirtual = true;
  override now = () => 0;
}

export const standing: Clock = new Standing();
