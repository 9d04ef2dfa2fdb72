// SPDX-License-Identifier: Apache-2.0
// Of all that was tapped, the packets of connections that are worth keeping: those that were lost or late, and those asked for.

import type { Flow } from "../oracle/hash.ts";
import type { Connection } from "../record/schema.ts";
import { clientKey, clientOf } from "./client-key.ts";
import { readFrame } from "./frame.ts";
import type { TapPacket } from "./records.ts";

/** So many lost or late connections are kept at most, the first ones: a record stays some megabytes. */
const MOST_KEPT = 2000;

/** What was asked for besides: connections of this source, and every n-th one. */
export interface Asked {
  sources: readonly string[];
  every: number | null;
}

export interface Candidate {
  connection: Connection;
  flow: Flow;
  /** The source's address as text. */
  source: string;
  /** It was not established before the first event. */
  isLate: boolean;
}

/** The keys of the connections to keep. */
export function wantedKeys(candidates: Iterable<Candidate>, { sources, every }: Asked): Set<string> {
  const [troubled, asked] = [new Set<string>(), new Set<string>()];
  for (const { connection, flow, source, isLate } of candidates) {
    const isAsked = sources.includes(source) || (every !== null && connection.id % every === 0);
    const isTroubled = isLate || connection.cause !== "none";
    const keep = isTroubled && troubled.size < MOST_KEPT ? troubled : isAsked ? asked : null;
    keep?.add(clientKey(flow.src, flow.sport, flow.protocol));
  }
  return new Set([...troubled, ...asked]);
}

/** In the order in which they came. */
export function packetsOf<P extends Pick<TapPacket, "t" | "data" | "length">>(
  packets: readonly P[],
  wanted: ReadonlySet<string>,
): P[] {
  if (wanted.size === 0) return [];
  return packets
    .filter(({ data, length }) => {
      const frame = readFrame(data, length);
      const client = frame && clientOf(frame);
      return client !== null && client !== undefined && wanted.has(client.key);
    })
    .sort((a, b) => a.t - b.t);
}
