// SPDX-License-Identifier: Apache-2.0

import { existsSync } from "node:fs";
import type { Catalog } from "../plan/catalog.ts";
import { connectSession, socketPath } from "../session/session.ts";
import { PROGRAM } from "../util/typed.ts";

/** Removes what an earlier run may have left, and says what it found. A lab that is running is left alone. */
export async function clean(catalog: Catalog): Promise<number> {
  const found = await cleanSocket();
  for (const runtime of catalog.runtimes) {
    if ((await runtime.missing()).length === 0) found.push(...(await runtime.clean()));
  }
  const text = found.length > 0 ? found.join("\n") : "Nothing to remove.";
  process.stdout.write(`${text}\n`);
  return 0;
}

async function cleanSocket(): Promise<string[]> {
  const stale = existsSync(socketPath());
  const socket = await connectSession();
  socket?.destroy();
  if (socket) return [`The running lab was kept. Run '${PROGRAM} stop' to stop it.`];
  return stale ? [`Removed the socket of an ended lab: ${socketPath()}`] : [];
}
