// SPDX-License-Identifier: Apache-2.0
// Runs side by side: guests in virtual time cannot disturb each other, and whatever keeps this machine's time has it to itself.
import type { Chosen } from "./runtimes.ts";

/** A run that is due. */
interface Due {
  chosen: Pick<Chosen, "runtime" | "session">;
  /** false: no more runs are begun. */
  run: () => Promise<boolean>;
}

export class Jobs {
  readonly #most: number;
  readonly #note: (text: string) => void;
  readonly #running = new Set<Promise<void>>();
  /** Runtimes whose runs cannot be beside others, as has been said. */
  readonly #told = new Set<string>();

  constructor(most: number, note: (text: string) => void) {
    this.#most = most;
    this.#note = note;
  }

  /** Carries it out while no run is under way. */
  readonly alone = async <T>(action: () => Promise<T>): Promise<T> => {
    await this.#until(0);
    return action();
  };

  /**
   * Begins the runs in their order, each once there is room for it. Resolves when those that were begun have ended, with how many
   * they were; rejects then with the first error of them.
   */
  async each<T>(items: readonly T[], prepare: (item: T, i: number) => Promise<Due>): Promise<number> {
    let [begun, goesOn] = [0, true];
    const errors: unknown[] = [];
    try {
      for (const [i, item] of items.entries()) {
        const { chosen, run } = await prepare(item, i);
        await this.#until(this.#mayBeBeside(chosen) ? this.#most - 1 : 0);
        if (!goesOn) break;
        begun++;
        const ended = run()
          .then(
            (more) => {
              goesOn &&= more;
            },
            (error: unknown) => {
              goesOn = false;
              errors.push(error);
            },
          )
          .finally(() => this.#running.delete(ended));
        this.#running.add(ended);
        if (!this.#mayBeBeside(chosen)) await this.#until(0);
      }
    } finally {
      await this.#until(0);
    }
    if (errors.length > 0) throw errors[0];
    return begun;
  }

  async #until(atMost: number): Promise<void> {
    while (this.#running.size > atMost) await Promise.race(this.#running);
  }

  /** What cannot run at all disturbs nobody. */
  #mayBeBeside({ runtime, session }: Due["chosen"]): boolean {
    if (session === null || session.clock.isVirtual) return true;
    if (this.#most > 1 && !this.#told.has(runtime.name))
      this.#note(`${runtime.name} keeps this machine's time, so its runs are made one at a time.`);
    this.#told.add(runtime.name);
    return false;
  }
}
