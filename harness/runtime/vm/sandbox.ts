// SPDX-License-Identifier: Apache-2.0
// A sandbox as that of the netns runtime, inside of a guest: what is in it ends with it, and the guest can have another.
import { PassThrough, Writable } from "node:stream";
import { Agent } from "../agent.ts";
import { LabError } from "../runtime.ts";
import type { Guest } from "./guest.ts";
import { PROGRAMS } from "./root.ts";

const STOP_MS = 6000;

export interface Sandbox {
  agent: Agent;
  /** Settles when it has ended, or its guest has, with why. */
  ended: Promise<string>;
  /** Ends all that is in it. false: it did not end as it should, and its guest is not to be trusted. */
  stop(): Promise<boolean>;
}

export function startSandbox(guest: Guest): Sandbox {
  const output = new PassThrough();
  const process = guest.agent.spawn("", [`${PROGRAMS}/agent`, "sandbox"], {
    keepStdin: true,
    onStdout: (chunk) => void output.write(chunk),
  });
  const input = new Writable({
    write: (chunk: Buffer, _, done) => {
      process.write(chunk);
      done();
    },
    destroy: (error, done) => {
      process.closeStdin();
      done(error);
    },
  });
  const agent = new Agent(input, output, guest.clock);
  const ended = Promise.race([guest.ended, process.exited.then(() => "the lab's agent has ended")]).catch(
    (error: Error) => error.message,
  );
  void ended.then((why) => {
    agent.lost(why.replace(/^[a-z]/, (letter) => letter.toUpperCase()));
    output.destroy();
  });
  const stop = async () => {
    input.destroy();
    const late = () => new LabError("The sandbox does not end.");
    return guest.clock.within(process.exited, STOP_MS, late).then(
      ({ code }) => code === 0,
      () => false,
    );
  };
  return { agent, ended, stop };
}
