// SPDX-License-Identifier: Apache-2.0
import type { Family } from "../record/schema.ts";
import type { FlowHash } from "./flow-hash.ts";
import type { OracleSpec } from "./oracle.ts";

const ALWAYS = Number.POSITIVE_INFINITY;

/** Seconds for which new connections of a source come to the target of the one before: 0 where ports, turn or chance decide. */
export function affinityS(spec: OracleSpec | null, family: Family): number {
  switch (spec?.strategy) {
    case undefined:
      return 0;
    case "maglev":
    case "modulo":
    case "ipvs":
      return spec.ports ? 0 : ALWAYS;
    case "stateful":
      return spec.affinityS === "always" ? ALWAYS : (spec.affinityS ?? affinityS(spec.assign, family));
    case "hash_threshold":
    case "scaled":
    case "remainder":
    case "resilient":
      return spec.hash !== null && hashesSourcesOnly(spec.hash, family) ? ALWAYS : 0;
  }
}

function hashesSourcesOnly(hash: FlowHash, family: Family): boolean {
  switch (hash.kind) {
    case "murmur3":
      return !hash.ports;
    case "fib_multipath":
      // Over IPv6 this policy hashes the flow label, which every connection has for itself.
      return hash.policy === "l3" && family === 4;
    case "hmark":
    case "fib_multipath_output":
    case "nginx":
      return false;
    case "jhash":
      return hash.keys.every((key) => key.endsWith("ip"));
  }
}
