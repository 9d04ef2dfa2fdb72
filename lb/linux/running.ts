// SPDX-License-Identifier: Apache-2.0
// A program that is stopped, killed, started again and replaced, while what it set up on its router stays.
import type { Daemon, Disruption } from "../../harness/api/index.ts";

const SIG = { kill: 9, term: 15 } as const;

/** `What` is that which its start depends on. */
export class Running<What> {
  readonly #start: (what: What, ...more: string[]) => Promise<Daemon>;
  #daemon: Daemon | null = null;
  /** Whether it was started again after it had ended. */
  again = false;

  /** `start` resolves when the program is ready; `more` are words for its command line. */
  constructor(start: (what: What, ...more: string[]) => Promise<Daemon>) {
    this.#start = start;
  }

  async begin(what: What): Promise<void> {
    this.#daemon = await this.#start(what);
  }

  /** Another one takes its place, and it ends by itself. */
  async replace(what: What, ...more: string[]): Promise<void> {
    this.#daemon?.expectEnd();
    this.#daemon = await this.#start(what, ...more);
  }

  get control() {
    return {
      stop: async () => this.#daemon?.end(SIG.term),
      kill: async () => this.#daemon?.end(SIG.kill),
      start: (what: What) => {
        this.again = true;
        return this.begin(what);
      },
    };
  }
}

const SERVED: Disruption = { open: "served", fresh: "served" };

/** A program that hands over to its successor: nobody notices. */
export const HANDS_OVER = { balancer_reload: SERVED, balancer_upgrade: SERVED };

/** Whether it is stopped or killed, the same becomes of connections. */
export function endsAs(end: Disruption) {
  return { balancer_stop: end, balancer_kill: end };
}
