// SPDX-License-Identifier: Apache-2.0
// What attackers choose who know a balancer's hash, with its seed or without.
import { flowReader } from "../analysis/flows.ts";
import { flowsTo, guessed } from "../oracle/attack.ts";
import type { OracleSpec } from "../oracle/oracle.ts";
import type { Family } from "../record/schema.ts";
import { TupleSpace } from "../simulate/tuples.ts";
import { HOST_BITS } from "../topology/topology.ts";
import type { Attack, Load } from "../traffic/streams.ts";
import { flowSources } from "../traffic/traffic.ts";

/** Connections of each attacker and family. */
const WANTED = 200;
/** Numbers of 5-tuples from there on nobody else uses. */
const FIRST = 2 ** 31;
const ATTACKERS = ["knows", "guesses"] as const;

/** `victim` is the index of the target that they are after. */
export function attacksOf(
  load: Load,
  spec: OracleSpec,
  { victim, targets }: { victim: number; targets: number },
): Attack[] {
  return flowSources({ ...load, mode: "connect", vips: 1 }).flatMap((source, i) => {
    const tuples = new TupleSpace({ hostBits: HOST_BITS, sources: load.sources, seed: load.seed });
    const read = flowReader(source);
    const flowOf = (n: number) => {
      tuples.draw(n);
      return read({ srcOffset: tuples.offset, sport: tuples.port });
    };
    return ATTACKERS.map((attacker, k) => ({
      family: load.families[i] as Family,
      attacker,
      numbers: flowsTo(victim, attacker === "knows" ? spec : guessed(spec), {
        wanted: WANTED,
        first: FIRST + k * (FIRST / 2),
        targets,
        flowOf,
      }),
    }));
  });
}
