// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from "node:timers/promises";
import { LabError } from "../runtime/runtime.ts";
import { startClient } from "../traffic/client.ts";
import { PORT } from "../traffic/servers.ts";
import { nowNs } from "../util/clock.ts";
import { isSample, loadArgv } from "./load.ts";
import type { Testbed } from "./testbed.ts";

/** As many as one process may hold where the hard limit of open files is 20,000. */
export const HELD_BY_ONE = 15_000;
/** Held connections must not be those that a measurement opens. */
const HOLD_SEED = 1_000_000;

/** Keeps so many connections open until the lab goes. `check` throws LabError when some of them are not there any more. */
export async function hold(bed: Testbed, connections: number): Promise<{ check(): void }> {
  const parts = Math.ceil(connections / HELD_BY_ONE);
  const alive = new Map<number, number>();
  let why = "";
  const kept = () => [...alive.values()].reduce((sum, n) => sum + n, 0);
  const check = () => {
    if (kept() < connections)
      throw new LabError(`${connections - kept()} of ${connections} connections were not held. ${why}`.trim());
  };
  const argv = loadArgv({ ...bed, seed: bed.seed + HOLD_SEED }, "connect", PORT.connect);
  argv.push("--keep", "--timeout", "20s", "--connections", `${connections}`);
  let ended = false;
  for (let part = 0; part < parts; part++) {
    const name = `that holds connections (${part + 1} of ${parts})`;
    const client = startClient(bed.lab, [...argv, "--part", `${part + 1}/${parts}`], { name }, (line) => {
      if (isSample(line)) alive.set(part, line.alive);
    });
    const end = (error?: Error) => {
      alive.delete(part);
      why = error?.message ?? why;
      ended = true;
    };
    client.done.then(() => end(), end);
  }
  const deadline = nowNs() + (20 + connections / 2000) * 1e9;
  while (kept() < connections && !ended && nowNs() < deadline) await delay(50);
  check();
  return { check };
}
