// SPDX-License-Identifier: Apache-2.0
import { within } from "./deadline.ts";

/** For one step: an engine that hangs must not keep a run from its end. */
const STEP_MS = 20_000;

/** Undo steps, registered before what they undo and run newest first. Each failure is kept, none stops the others. */
export class Scope implements AsyncDisposable {
  readonly #undo: { name: string; action: () => Promise<void> | void }[] = [];
  readonly failures: string[] = [];

  defer(name: string, action: () => Promise<void> | void): void {
    this.#undo.push({ name, action });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let step = this.#undo.pop(); step; step = this.#undo.pop()) {
      try {
        await within(
          Promise.resolve(step.action()),
          STEP_MS,
          () => new Error(`it took longer than ${STEP_MS / 1000} s`),
        );
      } catch (error) {
        this.failures.push(`Cannot ${step.name}: ${(error as Error).message}`);
      }
    }
  }
}
