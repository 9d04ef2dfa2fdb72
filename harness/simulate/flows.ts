// SPDX-License-Identifier: Apache-2.0
// The connections of a load, each with its 5-tuple and the hash that its balancer sees.
import { flowReader } from "../analysis/flows.ts";
import { type Flow, flowKey } from "../oracle/hash.ts";
import { hashFlow, type OracleSpec } from "../oracle/oracle.ts";
import { hashValues, keyHashOf } from "../oracle/strategies/registry.ts";
import { HOST_BITS } from "../topology/topology.ts";
import { type Load, type Stream, streamsOf } from "../traffic/streams.ts";
import { flowSource } from "../traffic/traffic.ts";
import { TupleSpace } from "./tuples.ts";

const SPACE = 2 ** 32;

/** Connections with one source network and one destination. */
export class FlowDrawer {
  readonly stream: Stream;
  readonly #tuples: TupleSpace;
  readonly #flowOf: ReturnType<typeof flowReader>;
  readonly #hash: (offset: number, port: number) => number | null;
  readonly #values: number;
  readonly #seed: number;
  readonly #sameTuple: boolean;

  constructor(spec: OracleSpec, load: Load, stream: Stream) {
    this.stream = stream;
    this.#tuples = new TupleSpace({ hostBits: HOST_BITS, sources: load.sources, seed: load.seed });
    this.#flowOf = flowReader(flowSource(load, stream.family, stream));
    const key = keyHashOf(spec);
    this.#hash = key
      ? keyHasher(this.#flowOf({ srcOffset: 0, sport: 0 }), key)
      : (srcOffset, sport) => hashFlow(spec, this.#flowOf({ srcOffset, sport }));
    this.#values = hashValues(spec);
    this.#seed = load.seed;
    this.#sameTuple = load.sameTuple === true;
  }

  /** Of the connection that was drawn last. */
  get offset(): number {
    return this.#tuples.offset;
  }

  get port(): number {
    return this.#tuples.port;
  }

  get flow(): Flow {
    return this.#flowOf({ srcOffset: this.offset, sport: this.port });
  }

  /** Its hash; one by chance where nobody can know it. */
  draw(id: number, generation: number): number {
    this.#tuples.draw((this.#sameTuple ? 0 : generation * this.stream.connections) + id);
    return this.#hash(this.offset, this.port) ?? Math.floor(this.chance(id, generation) * this.#values);
  }

  /** From 0 to below 1. */
  chance(id: number, generation: number): number {
    return finished(mixed(mixed(mixed(this.#seed | 0, id), generation), this.stream.family)) / SPACE;
  }
}

export function flowsOf(spec: OracleSpec, load: Load): FlowDrawer[] {
  return streamsOf(load, null).map((stream) => new FlowDrawer(spec, load, stream));
}

/** The steps of MurmurHash3, for whole words. */
function mixed(h: number, k: number): number {
  const a = Math.imul(k, 0xcc9e2d51);
  const b = h ^ Math.imul((a << 15) | (a >>> 17), 0x1b873593);
  return (Math.imul((b << 13) | (b >>> 19), 5) + 0xe6546b64) | 0;
}

function finished(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** `murmur3(flowKey(flow, ports), seed)` of flows that differ in the last two bytes of the source, and in its port. */
export function keyHasher(
  flow: Flow,
  { seed, ports }: { seed: number; ports: boolean },
): (offset: number, port: number) => number {
  const key = flowKey(flow, ports);
  const words = new Int32Array(key.buffer.slice(0));
  const [source = 0, portsWord = 0] = [words[3], words[8]];
  const first = words.subarray(0, 3).reduce(mixed, seed | 0);
  return (offset, port) => {
    let h = mixed(first, source | ((offset >> 8) << 16) | ((offset & 255) << 24));
    for (let i = 4; i < 8; i++) h = mixed(h, words[i] as number);
    h = mixed(h, ports ? portsWord | (port >> 8) | ((port & 255) << 8) : portsWord);
    return finished(mixed(h, words[9] as number) ^ key.length);
  };
}
