// SPDX-License-Identifier: Apache-2.0
// One client of the traffic program on a tester: its first words, and what it reports line by line. Runs and benches use the same.
import type { Family } from "../record/schema.ts";
import { type Host, type Lab, LabError } from "../runtime/runtime.ts";
import { SOURCES, VIP } from "../topology/topology.ts";
import { lineReader } from "./lines.ts";

const SIGTERM = 15;
const SAID_CHARACTERS = 2000;

export interface ClientLine {
  event: string;
  /** CLOCK_MONOTONIC, ns. */
  t: number;
  /** Base64 of finished connections. */
  rows?: string;
}

export interface Client {
  /** Monotonic ns at which it began. */
  started: Promise<number>;
  /** Rejects with LabError when it fails, and with what `onLine` threw. */
  done: Promise<void>;
  /** Ends it in order: what it has to report it still does. */
  stop: () => void;
  /** Nothing more is expected of it: `done` rejects with this, the end of a sentence about it. */
  giveUp: (how: string) => void;
}

/** The program, what it does, and the VIP's port that it does it to. */
export function clientWords(
  lab: Lab,
  mode: "connect" | "stream" | "fragments" | "flood" | "spoof",
  { family, port, seed, ...to }: { family: Family; port: number; seed: number; src?: string; vip?: string },
): string[] {
  const { src = SOURCES[family], vip = VIP[family] } = to;
  const address = family === 4 ? `${vip}:${port}` : `[${vip}]:${port}`;
  return [lab.program("traffic"), mode, "--address", address, "--src", src, "--seed", `${seed}`];
}

/** Starts a client that prints JSON lines. `name` tells it from others in a sentence, as in "for ipv4"; `input` is its stdin; `tester`: not the first one. */
export function startClient(
  lab: Lab,
  argv: readonly string[],
  { name, input, tester = lab.topology.tester.name }: { name: string; input?: Uint8Array; tester?: string },
  onLine: (line: ClientLine) => void,
): Client {
  const generator = `The traffic generator ${name}`;
  const about = { what: "generator", where: name } as const;
  const { promise: started, resolve: begin, reject: fail } = withResolvers<number>();
  let said = "";
  let begun = false;
  let broken: Error | null = null;
  const host = lab.host(tester);
  const process = host.spawn(argv, {
    ...(input ? { input } : {}),
    onStdout: lineReader((text) => {
      try {
        const line = inLabTime(JSON.parse(text) as ClientLine, host);
        if (line.event === "stream_start") {
          begun = true;
          begin(line.t);
        }
        onLine(line);
      } catch (error) {
        // A record that cannot be written fails a client that has begun long ago.
        broken ??= error as Error;
        process.signal(SIGTERM);
      }
    }),
    onStderr: (chunk) => {
      said = (said + chunk.toString()).slice(-SAID_CHARACTERS);
    },
  });
  const gone = withResolvers<never>();
  const ended = process.exited.then(({ code, signal }) => {
    if (broken) throw broken;
    if (code !== 0) {
      const how = code === null ? `was ended by signal ${signal}` : `ended with ${code}`;
      throw new LabError(`${generator} ${how}${said.trim() === "" ? "." : `: ${said.trim()}`}`, { about });
    }
    if (!begun) throw new LabError(`${generator} reported nothing.`);
  });
  const done = Promise.race([ended, gone.promise]);
  done.catch(fail);
  started.catch(() => {});
  return {
    started,
    done,
    stop: () => process.signal(SIGTERM),
    giveUp: (how) => gone.reject(new LabError(`${generator} ${how}.`, { about })),
  };
}

const inLabTime = (line: ClientLine, { labTime }: Host): ClientLine =>
  labTime ? { ...line, t: labTime(line.t) } : line;

/** Promise.withResolvers, which Node.js has since 22. */
function withResolvers<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
