// SPDX-License-Identifier: Apache-2.0
import type { RecordWriter } from "../record/record.ts";
import { inFabrics } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";
import { heldPackets } from "./held.ts";

/**
 * A span in which nothing passes between the tester and the routers, while every link stays up: the bridge does not forward
 * between isolated ports. What the tester sent meanwhile is a drop with a name. (Setting the ports' state does not do: a
 * bridge without a spanning tree sets it back.)
 */
export class Partition {
  readonly #lab: Lab;
  readonly #record: RecordWriter;
  #heldBefore = 0;
  #dropped = 0;

  constructor(lab: Lab, record: RecordWriter) {
    this.#lab = lab;
    this.#record = record;
  }

  async begin(): Promise<number> {
    this.#heldBefore = await heldPackets(this.#lab);
    await this.#isolate("on");
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    await this.#isolate("off");
    const t = this.#lab.clock.now();
    const before = this.#dropped;
    this.#dropped += (await heldPackets(this.#lab)) - this.#heldBefore;
    this.#record.addFabricDrops(t, "blackout", before, this.#dropped);
    return t;
  }

  async #isolate(isolated: "on" | "off"): Promise<void> {
    const { testers, routers } = this.#lab.topology;
    await inFabrics(this.#lab, "ip", [...testers, ...routers], ({ name }) => [
      `link set dev ${name}.2 type bridge_slave isolated ${isolated}`,
    ]);
  }
}
