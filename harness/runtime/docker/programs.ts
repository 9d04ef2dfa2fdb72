// SPDX-License-Identifier: Apache-2.0

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { Container } from "dockerode";
import { SETUP } from "../../util/typed.ts";
import { buildDir } from "../netns.ts";
import { LabError } from "../runtime.ts";

/** Where our programs are in every container. */
export const PROGRAMS = "/opt/load-balancer";

/** An engine on this machine mounts them into images that lack them; one elsewhere cannot see our files. No `Binds`: there a colon in the path ends it. */
export const programsMount = { Type: "bind", Source: buildDir, Target: PROGRAMS, ReadOnly: true } as const;

/** Copies our programs into a container that was created but not started. */
export async function uploadPrograms(container: Container): Promise<void> {
  const names = readdirSync(buildDir, { withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  const rename = `--transform=s,^,${PROGRAMS.slice(1)}/,`;
  const tar = spawn("tar", ["-C", buildDir, "--owner=0", "--group=0", rename, "-c", ...names], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = once(tar, "close") as Promise<[number | null]>;
  await container.putArchive(tar.stdout, { path: "/" });
  const [code] = await ended;
  if (code !== 0) throw new LabError(`'tar' cannot pack the lab's programs in '${buildDir}'. Run '${SETUP}'`);
}
