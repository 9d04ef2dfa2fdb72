// SPDX-License-Identifier: Apache-2.0
import type { Lab } from "../runtime/runtime.ts";
import type { Machine } from "../topology/topology.ts";
import { PORT } from "../traffic/servers.ts";

const TABLE = "inet deaf";
const PORTS = [...new Set(Object.values(PORT.stream))];

/**
 * A span in which targets answer who asks whether they live, and drop what comes to the ports of the traffic: after a tunnel's end, so
 * that it does not matter how packets come there. What they drop they have received.
 */
export class Deafness {
  readonly #lab: Lab;
  #deaf: readonly Machine[] = [];

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async begin(deaf: readonly Machine[]): Promise<number> {
    this.#deaf = deaf;
    await this.#tell(
      [
        `table ${TABLE} {`,
        "chain input {",
        "type filter hook input priority filter; policy accept;",
        `meta l4proto { tcp, udp, sctp } th dport { ${PORTS.join(", ")} } drop`,
        "}",
        "}",
        "",
      ].join("\n"),
    );
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    await this.#tell(`delete table ${TABLE}\n`);
    this.#deaf = [];
    return this.#lab.clock.now();
  }

  async #tell(input: string): Promise<void> {
    await Promise.all(this.#deaf.map(({ name }) => this.#lab.wiring(name).exec(["nft", "-f", "-"], { input })));
  }
}
