// SPDX-License-Identifier: Apache-2.0
import { LabError } from "../runtime/runtime.ts";

/** Why a command's signal is aborted: this process was sent a signal. */
export class Interrupted extends LabError {
  readonly number: number;

  constructor(number: number) {
    super("Interrupted.");
    this.number = number;
  }
}

/** Why a command's signal is aborted: something threw where nothing catches it, such as a listener. */
export class Uncaught extends LabError {
  constructor(cause: unknown) {
    super(`An error that nothing caught: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** The number of the process signal behind an aborted signal; SIGINT's when there is none. */
export function signalNumber({ reason }: AbortSignal): number {
  return reason instanceof Interrupted ? reason.number : 2;
}

/** The promise, or the signal's reason if that comes first. What the promise stands for goes on unheard. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    promise.finally(() => signal.removeEventListener("abort", onAbort)).then(resolve, reject);
  });
}
