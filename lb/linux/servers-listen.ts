// SPDX-License-Identifier: Apache-2.0
import { type Lab, PORT } from "../../harness/api/index.ts";

/** The server there waits for the client to speak first: one that speaks at once would be cut short with a reset. */
export const CHECKED_PORT = PORT.stream.tcp;
const SERVERS_S = 10;

/** Servers start beside the balancer, and a target that does not listen yet would be found dead. Those that never do are told elsewhere. */
export async function serversListen(lab: Lab, portOf: (target: number) => number = () => CHECKED_PORT): Promise<void> {
  const deadline = lab.clock.now() + SERVERS_S * 1e9;
  await Promise.all(
    lab.topology.targets.map(async ({ name }, i) => {
      const port = portOf(i).toString(16).toUpperCase().padStart(4, "0");
      const listening = new RegExp(`:${port} \\S+ 0A `);
      while (lab.clock.now() < deadline) {
        const { stdout } = await lab.host(name).exec(["@read", "/proc/net/tcp", "/proc/net/tcp6"]);
        if (listening.test(stdout)) return;
        await lab.clock.sleep(50);
      }
    }),
  );
}
