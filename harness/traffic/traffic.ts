// SPDX-License-Identifier: Apache-2.0
// Drives the traffic programs: servers on the targets, one generator for each address family on the tester.

import type { RecordWriter } from "../record/record.ts";
import type { Event, Family, Protocol, StreamName } from "../record/schema.ts";
import { type Host, type Lab, LabError, type Process } from "../runtime/runtime.ts";
import { linkOn, SOURCES, VIP } from "../topology/topology.ts";
import { sleepUntil } from "../util/clock.ts";
import { lineReader } from "./lines.ts";

const SIGTERM = 15;

/** One process opens so many at most: where only the hard limit of open files holds (often 20,000), more need more processes. */
const PART_CONNECTIONS = 19_000;
/** What one target may get of the connections, as a multiple of its share. */
const UNEVEN = 1.3;
/** Sample lines a second of all generators together; each writes four, unless there are many. */
const SAMPLES_PER_S = 40;
/** Where the targets serve: one connection for each request, streams, and datagrams in fragments. */
export const PORT = { connect: 5001, stream: { tcp: 5003, udp: 6003 }, fragments: 6001 } as const;

/** Those who visit: less than the 100 that xt_recent remembers. */
const VISITORS = { 4: "50.0.0.0/26", 6: "2000::/122" } as const;
/** Networks leave their first and last address out. */
export const VISIT_SOURCES = 62;

export interface Load {
  mode: "connect" | "stream" | "fragments";
  families: readonly Family[];
  protocol: Protocol;
  connections: number;
  /** Messages per second over all connections. */
  rate: number;
  durationS: number;
  rampS: number;
  /** Bytes of a message. */
  size: number;
  stallS: number;
  seed: number;
  /** Processes that share the connections of one target; 1 where that is not said. */
  serverProcesses?: number;
  /** Seconds that the first answer may take; the generator's own where that is not said. */
  connectTimeoutS?: number;
  /** So many connections that none sends its second message before all have been opened, and that they end without a packet. */
  many?: boolean;
  /** Mode "connect": times at which every source makes one connection; `connections` are those of one visit. */
  visitsS?: readonly number[];
}

/**
 * Processes that a server has to be, so that none opens more connections than one can, when only the `fewest` targets are left. What
 * was lost to another target is opened again, and the old target never hears of it: so at each of so many `events` all may come once more.
 */
export function serverProcesses(connections: number, fewest: number, events: number): number {
  return Math.ceil((connections * (1 + events) * UNEVEN) / fewest / PART_CONNECTIONS);
}

/**
 * Starts a server, of one process or several, on every target; resolves when all of them listen. `onTrouble` is told in a sentence
 * when one can take no more connections, or ends: what a target does wrong is no fault of the balancer's.
 */
export async function startServers(
  lab: Lab,
  processes = 1,
  onTrouble: (sentence: string) => void = () => {},
): Promise<void> {
  const words = ["serve", "--processes", `${processes}`];
  await Promise.all(
    lab.topology.targets.map(({ name }) =>
      startProgram(lab.host(name), [lab.program("traffic"), ...words, "--name", name], "listening", {
        onEnd: (how) => onTrouble(`The server on ${name} ${how}`),
        onSaid: (text) => onTrouble(`The server on ${name} said: ${text.trim()}`),
      }),
    ),
  );
}

/**
 * Starts a program and waits until it prints the JSON line with this event. Later on `onEnd` is told how it
 * ended, as the end of a sentence, and `onSaid` what it says on stderr. Throws LabError with what it said when it ends before, or takes longer than 20 s.
 */
export function startProgram(
  host: Host,
  argv: readonly string[],
  event: string,
  { onEnd, onSaid }: { onEnd?: (how: string) => void; onSaid?: (text: string) => void } = {},
): Promise<Process> {
  return new Promise((resolve, reject) => {
    let said = "";
    let ready = false;
    const timer = setTimeout(() => reject(failure("did not get ready within 20 s")), 20_000);
    const failure = (what: string) =>
      new LabError(`'${argv.join(" ")}' in machine '${host.name}' ${what}${said ? `: ${said.trim()}` : "."}`);
    const child = host.spawn(argv, {
      onStdout: lineReader((line) => {
        if (ready) return;
        const found = eventOf(line);
        // No event: what a program says in its own words belongs into the sentence about its failure.
        if (found === null) said = `${said}${line}\n`.slice(-2000);
        if (found !== event) return;
        ready = true;
        clearTimeout(timer);
        resolve(child);
      }),
      onStderr: (chunk) => {
        said = (said + chunk.toString()).slice(-2000);
        if (ready) onSaid?.(chunk.toString());
      },
    });
    child.exited
      .then(
        (exit) => {
          clearTimeout(timer);
          const how = `ended by itself (${exit.code === null ? `signal ${exit.signal}` : `code ${exit.code}`})`;
          if (ready) onEnd?.(`${how}${said ? `: ${said.trim()}` : "."}`);
          else reject(failure(how));
        },
        (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      )
      // What `onEnd` throws has nowhere to go: whoever gave it keeps what it must not lose.
      .catch(() => {});
  });
}

/** The event that a line tells; null when it is no JSON object. */
function eventOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { event?: unknown } | null)?.event;
  } catch {
    return null;
  }
}

export interface Traffic {
  /** Monotonic ns at which the last generator began. */
  t0: number;
  /** Resolves when all generators have ended; rejects when one failed. */
  done: Promise<void>;
  /** Ends them early, in order: every row is still written. */
  stop(): void;
}

/** Starts the generators. Whatever they report goes to the record as it comes. */
export async function startTraffic(lab: Lab, load: Load, record: RecordWriter): Promise<Traffic> {
  const running: Generator[] = [];
  const start = async (visit: number | null) => {
    const generators = makeGenerators(lab, load, visit, record);
    running.push(...generators);
    const started = await Promise.all(generators.map((g) => g.started));
    return { t0: Math.max(...started), done: Promise.all(generators.map((g) => g.done)) };
  };
  const visitsS = load.visitsS ?? [];
  const first = await start(visitsS.length > 0 ? 1 : null);
  const stopped = new AbortController();
  const later = visitsS.slice(1).map(async (s, i) => {
    await sleepUntil(first.t0 + s * 1e9, stopped.signal);
    await (await start(i + 2)).done;
  });
  return {
    t0: first.t0,
    done: Promise.all([first.done, ...later]).then(() => {}),
    stop: () => {
      stopped.abort();
      for (const g of running) g.process.signal(SIGTERM);
    },
  };
}

/** `visit`: its number, from 1; null: each connection is made once. */
function makeGenerators(lab: Lab, load: Load, visit: number | null, record: RecordWriter): Generator[] {
  const tester = lab.host(lab.topology.tester.name);
  const partsOf = (connections: number) => (load.mode === "fragments" ? 1 : Math.ceil(connections / PART_CONNECTIONS));
  const shares = load.families.map((_, i) => splitEvenly(load.connections, load.families.length, i));
  const sampleMs = sampleMsOf(shares.reduce((sum, connections) => sum + partsOf(connections), 0));
  return load.families.flatMap((family, i) => {
    const connections = shares[i] ?? 0;
    const share = { ...load, connections, rate: (load.rate * connections) / load.connections };
    // Fragments are counted by one process for each family.
    const parts = partsOf(connections);
    return Array.from({ length: parts }, (_, part) => {
      const argv = generatorArgv(lab, family, share, visit, sampleMs);
      const stream = parts === 1 ? `ipv${family}` : `ipv${family}/${part + 1}`;
      return startGenerator(
        tester,
        parts === 1 ? argv : [...argv, "--part", `${part + 1}/${parts}`],
        visit === null ? stream : `${stream} visit ${visit}`,
        record,
      );
    });
  });
}

/** A quarter of a second, or as many as keep the record small. */
function sampleMsOf(streams: number): number {
  return 250 * Math.ceil((streams * 4) / SAMPLES_PER_S);
}

function splitEvenly(total: number, parts: number, i: number): number {
  return Math.floor(total / parts) + (i < total % parts ? 1 : 0);
}

function generatorArgv(lab: Lab, family: Family, load: Load, visit: number | null, sampleMs: number): string[] {
  const program = lab.program("traffic");
  const port = load.mode === "stream" ? PORT.stream[load.protocol] : PORT[load.mode];
  const common = ["--address", family === 4 ? `${VIP[4]}:${port}` : `[${VIP[6]}]:${port}`];
  common.push("--connections", `${load.connections}`, "--seed", `${load.seed}`);
  common.push("--src", visit === null ? SOURCES[family] : VISITORS[family]);
  if (load.mode === "fragments") return [program, "fragments", ...common, ...fragmentWords(lab, load)];
  if (visit !== null) common.push("--visit", `${visit}`);
  if (load.protocol === "udp") common.push("--udp");
  common.push("--sample", `${sampleMs}ms`);
  if (load.mode === "connect") return [program, "connect", ...common, "--output", "ndjson"];
  const schedule = ["--rate", `${load.rate}`, "--size", `${load.size}`, "--duration", `${load.durationS}s`];
  if (load.connectTimeoutS !== undefined) schedule.push("--connect-timeout", `${load.connectTimeoutS}s`);
  if (load.many) schedule.push("--hold", "--vanish");
  schedule.push(
    "--ramp",
    `${load.rampS}s`,
    "--stall",
    `${load.stallS}s`,
    "--reconnect",
    "--rows",
    "--output",
    "ndjson",
  );
  return [program, "stream", ...common, ...schedule];
}

/** Fragments go out by hand, each by a router at random: no two need to take the same way. */
function fragmentWords({ topology: { tester, routers } }: Lab, load: Load): string[] {
  const via = routers.map((router) => linkOn(router, "net2").mac).join(",");
  const schedule = ["--rate", `${load.rate}`, "--size", `${load.size}`, "--duration", `${load.durationS}s`];
  return ["--device", linkOn(tester, "net2").device, "--via", via, ...schedule];
}

interface Generator {
  process: Process;
  started: Promise<number>;
  done: Promise<void>;
}

function startGenerator(tester: Host, argv: string[], stream: StreamName, record: RecordWriter): Generator {
  let said = "";
  let begin: (t: number) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const started = new Promise<number>((resolve, reject) => {
    begin = resolve;
    fail = reject;
  });
  const process = tester.spawn(argv, {
    onStdout: lineReader((line) => {
      try {
        const event = JSON.parse(line) as { event: string; t: number; rows?: string };
        if (event.event === "stream_start") begin(event.t);
        recordLine(record, stream, event);
      } catch (error) {
        fail(error as Error);
        process.signal(SIGTERM);
      }
    }),
    onStderr: (chunk) => {
      said = (said + chunk.toString()).slice(-2000);
    },
  });
  const ended = process.exited.then((exit) => {
    if (exit.code !== 0)
      throw new LabError(
        `The traffic generator for ${stream} ended with ${exit.code ?? `signal ${exit.signal}`}: ${said.trim()}`,
      );
  });
  ended.catch(fail);
  // A record that cannot be written fails `started` even after it began: `done` must tell.
  let broken: Error | null = null;
  const failStarted = fail;
  fail = (error) => {
    broken ??= error;
    failStarted(error);
  };
  const done = ended.then(() => {
    if (broken) throw broken;
  });
  done.catch(() => {});
  return { process, started, done };
}

function recordLine(record: RecordWriter, stream: StreamName, line: { event: string; t: number; rows?: string }): void {
  const { event, ...rest } = line;
  if (rest.rows !== undefined) record.addRows(rest.t, stream, Buffer.from(rest.rows, "base64"));
  else record.add({ ...rest, kind: event, stream } as unknown as Event);
}
