// SPDX-License-Identifier: Apache-2.0
// Listens in the fabric while traffic runs, and keeps the packets of connections that were lost or asked for.
import { addressText, flowReader } from "../analysis/flows.ts";
import { withSilence } from "../analysis/rows.ts";
import { readRecord } from "../record/read.ts";
import type { RecordWriter } from "../record/record.ts";
import type { Connection, StreamStart } from "../record/schema.ts";
import { fabricsOf } from "../runtime/fabric.ts";
import { type Lab, LabError } from "../runtime/runtime.ts";
import { clientKey } from "../tap/client-key.ts";
import { journeysIn, targetsMet } from "../tap/journey.ts";
import { readTap, type TapRecords, tapBytes } from "../tap/records.ts";
import { type Asked, type Candidate, packetsOf, wantedKeys } from "../tap/select.ts";
import { SOURCES } from "../topology/topology.ts";
import { signsMs } from "../traffic/liveness.ts";
import { askKernels, type KernelDrops } from "./kernel-drops.ts";
import { type Observer, startObserver } from "./observer.ts";
import type { RunRequest } from "./run.ts";

/** Memory of the ring in the kernel. */
const RING_MIB = { control: 32, full: 64 } as const;
export type TapMode = keyof typeof RING_MIB;
export const TAP_MODES = Object.keys(RING_MIB) as TapMode[];

export interface TapPlan extends Asked {
  mode: TapMode | "none";
}

/** From the words of `--tap`: a mode, "src=ADDRESS", "sample=N". */
export function tapPlan(words: readonly string[]): TapPlan {
  const values = (name: string) => words.flatMap((word) => (word.startsWith(name) ? [word.slice(name.length)] : []));
  const mode = words.find((word): word is TapPlan["mode"] => ["control", "full", "none"].includes(word));
  const [every] = values("sample=").map(Number);
  return { mode: mode ?? "control", sources: values("src="), every: every ?? null };
}

export interface Tap {
  /** Once the traffic is over: what was kept is in the record. */
  finish(record: RecordWriter): Promise<void>;
}

/** null: nothing is asked for, or each part of the fabric sees some of the packets only. Where the kernel forbids it, too: that is a warning in the record, and the run goes on without. */
export async function startTap(
  lab: Lab,
  { tap: { mode, ...asked }, load: { durationS } }: Pick<RunRequest, "tap" | "load">,
  record: RecordWriter,
): Promise<Tap | null> {
  if (mode === "none" || fabricsOf(lab).length > 1) return null;
  const chunks: Buffer[] = [];
  try {
    const tap = await listen(lab, { mode, durationS }, (chunk) => void chunks.push(chunk));
    const kernels = await askKernels(lab);
    const targets = lab.topology.targets.map(({ name }) => name);
    const end = async () => {
      await tap.end();
      return { ...readTap(Buffer.concat(chunks)), ...(await kernels()) };
    };
    return { finish: async (into) => finish(await end(), { mode, asked, targets }, into) };
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    record.add({ kind: "warning", t: record.clock.now(), text: `Cannot listen in the fabric: ${error.message}` });
    return null;
  }
}

/** Of whom it listens to, and how much memory its ring takes. */
export const tapWords = (testers: readonly string[], clients: readonly string[], mebibytes: number): string[] => [
  ...clients.flatMap((network) => ["--client", network]),
  "--tester",
  testers.join(),
  "--memory",
  `${mebibytes}`,
];

/** Resolves when it listens; `end` makes it write what it has left. Throws LabError where the kernel forbids it. */
export function listen(
  lab: Lab,
  { mode, durationS }: { mode: TapMode; durationS: number },
  onStdout: (chunk: Buffer) => void,
): Promise<Observer> {
  const names = lab.topology.testers.map(({ name }) => name);
  const words = tapWords(names, Object.values(SOURCES), RING_MIB[mode]);
  // In a run of days, in virtual time, waking costs more than all that happens.
  const retire = ["--retire", `${Math.min(60_000, signsMs(durationS) / 5)}`];
  return startObserver(lab, ["tap", ...words, ...retire, ...(mode === "full" ? ["--full"] : [])], onStdout);
}

interface Tapped {
  mode: TapMode;
  asked: Asked;
  /** Names of targets. */
  targets: readonly string[];
}

function finish(
  { packets, counts, drops, unasked }: TapRecords & KernelDrops,
  { mode, asked, targets }: Tapped,
  record: RecordWriter,
): void {
  const written = readRecord(record.dir);
  const unanswered = new Set<string>();
  const wanted = wantedKeys(answered(written, unanswered), asked);
  const [kept, keptDrops] = [packetsOf(packets, wanted), packetsOf(drops, wanted)];
  const firstT = firstChange(written.events);
  const met = [...journeysIn(packets, unanswered).values()].map((hops) => targetsMet(hops, targets, firstT));
  const split = { connections: met.filter((n) => n > 0).length, split: met.filter((n) => n > 1).length };
  const about = {
    mode,
    connections: wanted.size,
    packets: kept.length,
    ...(unasked === null ? { drops: keptDrops.length } : { unasked }),
    ...(split.split > 0 ? { unanswered: split } : {}),
  };
  record.addPackets({ ...about, ...counts }, tapBytes(kept, keptDrops));
}

/** All but later attempts that came to nothing; keys of first attempts that did not come about are added to `unanswered`. */
function* answered(written: Written, unanswered: Set<string>): Generator<Candidate> {
  for (const candidate of candidatesOf(written)) {
    const { connection, flow } = candidate;
    const isFirst = connection.generation === 0;
    if (connection.establishedUs !== null || isFirst) yield candidate;
    if (connection.establishedUs === null && isFirst) unanswered.add(clientKey(flow.src, flow.sport, flow.protocol));
  }
}

const firstChange = (events: Written["events"]): number =>
  events.find((event) => event.kind === "scale")?.requestedT ?? Number.POSITIVE_INFINITY;

/** Of a connection that is to last from the start: the first event came before it was there. */
function isLate({ generation, establishedUs }: Connection, start: StreamStart, firstT: number): boolean {
  if (generation > 0 || start.open || start.arrivals || (start.visit ?? 1) > 1) return false;
  return establishedUs === null || start.t + establishedUs * 1000 >= firstT;
}

type Written = ReturnType<typeof readRecord>;

/** All attempts, from the record as far as it is written. */
function* candidatesOf({ events, connections }: Written): Generator<Candidate> {
  const firstT = firstChange(events);
  const starts = new Map(events.flatMap((e) => (e.kind === "stream_start" ? [[e.stream, e] as const] : [])));
  const readers = new Map(
    events.flatMap((e) => (e.kind === "stream_start" ? [[e.stream, flowReader(e)] as const] : [])),
  );
  for (const recorded of connections) {
    const start = starts.get(recorded.stream);
    const connection = start ? withSilence(recorded, start) : recorded;
    const flow = readers.get(connection.stream)?.(connection);
    if (start && flow)
      yield { connection, flow, source: addressText(flow.src), isLate: isLate(connection, start, firstT) };
  }
}
