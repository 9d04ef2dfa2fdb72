// SPDX-License-Identifier: Apache-2.0
// Programs in the fabric that look on while traffic runs: they say "ready", and write what they saw when they are ended.
import { type Lab, LabError } from "../runtime/runtime.ts";

const SIGTERM = 15;

export interface Observer {
  /** Resolves when it has written what it had left. */
  end(): Promise<void>;
}

/** `argv`: one of our programs, and its words. Resolves when it looks on. Throws LabError where the kernel forbids it. */
export function startObserver(
  lab: Lab,
  [name = "", ...words]: readonly string[],
  onStdout: (chunk: Buffer) => void,
): Promise<Observer> {
  const started = new Promise<Observer>((resolve, reject) => {
    let said = "";
    const process = lab.host("fabric").spawn([lab.program(name), ...words], {
      onStdout,
      onStderr: (chunk) => {
        said += chunk.toString();
        if (said.includes("ready")) resolve({ end });
      },
    });
    const end = async () => {
      process.signal(SIGTERM);
      await lab.clock.during(process.exited);
    };
    process.exited.then((exit) => reject(new LabError(said.trim() || `'${name}' ended with ${exit.code}.`)), reject);
  });
  return lab.clock.during(started);
}
