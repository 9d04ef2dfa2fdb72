// SPDX-License-Identifier: Apache-2.0
// MurmurHash3 of the flow key: the hash of nfqueue-lb, xdp-lb, and of those that are simulated only.
import { z } from "zod";
import { type Flow, flowKey, murmur3, PROTOCOL } from "../hash.ts";

export interface KeyHash {
  seed: number;
  ports: boolean;
  /** Of SCTP only ports and protocol are hashed: all addresses of an association lead to one target. */
  sctp?: "ports" | undefined;
}

export const sctp = z.literal("ports").optional();

export const keyHash = (spec: KeyHash, flow: Flow): number => hashOfKey(spec, flowKey(flow, spec.ports));

/** Of a key as lb/common/README.md defines it: 32 bytes of addresses, the ports, the protocol. */
export function hashOfKey({ seed, sctp }: KeyHash, key: Uint8Array): number {
  if (sctp !== "ports" || key[36] !== PROTOCOL.sctp) return murmur3(key, seed);
  return murmur3(key.slice().fill(0, 0, 32), seed);
}
