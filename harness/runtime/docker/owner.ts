// SPDX-License-Identifier: Apache-2.0
// Labels say whose a container is: a run's, and that of the process that holds it. What the dead left is found by them.
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type Docker from "dockerode";
import { processStart } from "../../host/processes.ts";
import { within } from "../../util/deadline.ts";
import { LabError } from "../runtime.ts";

const RUN = "load-balancer.run";
const OWNER = "load-balancer.owner";
/** Engines have been seen that never answered for one container: nobody waits for it longer than this. */
const REMOVE_MS = 15_000;

/** Enough to tell this process from all others that share the engine: one in another pid namespace cannot be judged from here. */
interface Owner {
  host: string;
  boot: string;
  pidNamespace: string;
  pid: number;
  /** Clock ticks after boot: pids are used again. */
  started: string;
}

export function ownLabels(run: string): Record<string, string> {
  return { [RUN]: run, [OWNER]: JSON.stringify({ ...here(), pid: process.pid, started: processStart(process.pid) }) };
}

/** Removes one run's containers, whatever their state. Returns their names. Throws LabError when the engine is stuck. */
export function removeRun(docker: Docker, run: string): Promise<string[]> {
  return removeWhere(docker, (labels) => labels[RUN] === run);
}

/** Removes the containers of dead processes. Returns their names. Nothing without our labels is touched. */
export function removeOrphans(docker: Docker): Promise<string[]> {
  const place = here();
  return removeWhere(docker, (labels) => isDead(labels[OWNER], place));
}

async function removeWhere(docker: Docker, wanted: (labels: Record<string, string>) => boolean): Promise<string[]> {
  const all = await docker.listContainers({ all: true, filters: { label: [RUN, OWNER] } });
  const found = all.filter((container) => wanted(container.Labels));
  await Promise.all(
    found.map((container) =>
      within(docker.getContainer(container.Id).remove({ force: true, v: true }), REMOVE_MS, () =>
        stuck(nameOf(container)),
      ).catch((error: { statusCode?: number }) => {
        // 404: gone; 409: its removal is under way already.
        if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
      }),
    ),
  );
  return found.map(nameOf);
}

const nameOf = ({ Names, Id }: { Names: string[]; Id: string }) => (Names[0] ?? Id).replace("/", "");

function stuck(name: string): LabError {
  return new LabError(
    `The Docker engine does not remove container '${name}' within ${REMOVE_MS / 1000} s. Restart the engine, then './load-balancer.ts clean'.`,
  );
}

function isDead(label: string | undefined, place: ReturnType<typeof here>): boolean {
  const owner = JSON.parse(label ?? "{}") as Partial<Owner>;
  if (owner.host !== place.host || owner.pid === undefined) return false;
  if (owner.boot !== place.boot) return true;
  return owner.pidNamespace === place.pidNamespace && processStart(owner.pid) !== owner.started;
}

function here(): Pick<Owner, "host" | "boot" | "pidNamespace"> {
  return {
    host: hostname(),
    boot: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    pidNamespace: readlinkSync("/proc/self/ns/pid"),
  };
}
