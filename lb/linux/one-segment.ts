// SPDX-License-Identifier: Apache-2.0
import type { Lab } from "../../harness/api/index.ts";

/** For balancers that get large packets in parts: the tester counts a large packet as one, and the targets would count its parts. */
export async function sendSegments(lab: Lab): Promise<void> {
  const { tester, squeeze } = lab.topology;
  await lab.wiring(tester.name).exec(["ip", "link", "set", "dev", squeeze ? "eth3" : "eth2", "gso_max_segs", "1"]);
}
