// SPDX-License-Identifier: Apache-2.0
import { startProgram } from "../daemon.ts";
import type { Lab } from "../runtime.ts";

const LOAD = ["--connections", "40", "--rate", "400", "--duration", "0.5s", "--size", "1024"];
const KILL = 9;

/**
 * QEMU translates code when it first runs, which holds the generator up for some 0.3 s: a little traffic inside of the tester,
 * that no other machine sees, comes before that of the run.
 */
export async function warmUp(lab: Lab): Promise<void> {
  const tester = lab.host(lab.topology.tester.name);
  const program = lab.program("traffic");
  const server = await startProgram(tester, [program, "serve", "--name", "warm-up"], "listening");
  await Promise.all(
    ["127.0.0.1:5003", "[::1]:5003"].map((address) =>
      tester.exec([program, "stream", "--address", address, ...LOAD, "--output", "json"], { check: false }),
    ),
  );
  server.signal(KILL);
  await server.exited;
}
