// SPDX-License-Identifier: Apache-2.0
// A Docker engine that is killed in the middle of a run: what is left is told, and 'clean' removes it when the engine is back.
import { readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { eventually, runMain } from "../machine.ts";
import { type Attacked, verdictIn, withRun } from "./attacked.ts";
import { type Fault, runIn } from "./fault.ts";
import { type OwnEngine, ownEngine, ownEngineMissing } from "./own-engine.ts";

const GONE = /the Docker engine has gone\. Start it again, then '\.\/load-balancer\.ts clean'/;

async function attack(run: Attacked, engine: OwnEngine): Promise<string> {
  if (!(await run.reaches("traffic"))) return `no traffic: ${run.said()}`;
  await sleep(1000);
  await engine.kill();
  const { code, stdout, stderr } = await run.ended;
  // On the terminal, or as a warning of the record.
  const events = readFileSync(path.join(runIn(run.out), "events.ndjson"), "utf8");
  const isTold = GONE.test(`${stdout}${stderr}${events}`.replace(/\s+/g, " "));
  const outcome = `${verdictIn(run.out).verdict}, exit code ${code}, told: ${isTold}`;
  await engine.start();
  await runMain(["clean"], { env: engine.env });
  const isEmpty = await eventually(async () => (await engine.containers()).length === 0, 20_000);
  return `${outcome}; after 'clean' ${isEmpty ? "nothing left" : `left: ${(await engine.containers()).join(", ")}`}`;
}

export const engineFaults: readonly Fault[] = [
  {
    kind: "killed",
    fault: "the Docker engine, SIGKILL",
    wanted: "error, exit code 3, told: true; after 'clean' nothing left",
    on: ["docker"],
    missing: ownEngineMissing,
    async got(where) {
      const engine = await ownEngine();
      try {
        // Its containers are not the machine's engine's.
        const elsewhere = { ...where, inContainers: false };
        return await withRun({ where: elsewhere, env: engine.env }, (run) => attack(run, engine));
      } finally {
        await engine.remove();
      }
    },
  },
];
