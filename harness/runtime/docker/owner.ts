// SPDX-License-Identifier: Apache-2.0
// Labels say whose a container is: a run's, and that of the process that holds it. What the dead left is found by them.

import type Docker from "dockerode";
import { isDead, ownerText } from "../../host/owner.ts";
import { within } from "../../util/deadline.ts";
import { PROGRAM } from "../../util/typed.ts";
import { LabError } from "../runtime.ts";

const RUN = "load-balancer.run";
const OWNER = "load-balancer.owner";
/** Engines have been seen that never answered for one container: nobody waits for it longer than this. */
const REMOVE_MS = 15_000;

export function ownLabels(run: string): Record<string, string> {
  return { [RUN]: run, [OWNER]: ownerText() };
}

/** Removes one run's containers, whatever their state. Returns their names. Throws LabError when the engine is stuck. */
export function removeRun(docker: Docker, run: string): Promise<string[]> {
  return removeWhere(docker, (labels) => labels[RUN] === run);
}

/** Removes the containers of dead processes. Returns their names. Nothing without our labels is touched. */
export function removeOrphans(docker: Docker): Promise<string[]> {
  return removeWhere(docker, (labels) => isDead(labels[OWNER] ?? ""));
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
    `The Docker engine does not remove container '${name}' within ${REMOVE_MS / 1000} s. Restart the engine, then '${PROGRAM} clean'.`,
  );
}
