// SPDX-License-Identifier: Apache-2.0
import type { Lab } from "../../harness/api/index.ts";

/** For balancers that get large packets in parts: a tester counts a large packet as one, and the targets would count its parts. */
export async function sendSegments(lab: Lab): Promise<void> {
  const { testers, squeeze } = lab.topology;
  for (const { name } of testers)
    await lab.wiring(name).exec(["ip", "link", "set", "dev", squeeze ? "eth3" : "eth2", "gso_max_segs", "1"]);
}
