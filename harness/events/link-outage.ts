// SPDX-License-Identifier: Apache-2.0
import type { RecordWriter } from "../record/record.ts";
import { inFabrics } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Machine } from "../topology/topology.ts";
import { heldPackets } from "./held.ts";
import { portsOf } from "./machine-outage.ts";

/**
 * A span in which the links of routers are down: the routers see it at once, the others behind the bridge do not. What the tester sent to
 * them meanwhile is a drop with a name.
 */
export class LinkOutage {
  readonly #lab: Lab;
  readonly #record: RecordWriter;
  #down: readonly Machine[] = [];
  #heldBefore = 0;

  constructor(lab: Lab, record: RecordWriter) {
    this.#lab = lab;
    this.#record = record;
  }

  async begin(routers: readonly Machine[]): Promise<number> {
    this.#down = routers;
    this.#heldBefore = await heldPackets(this.#lab);
    await this.#set("down");
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    await this.#set("up");
    const t = this.#lab.clock.now();
    this.#down = [];
    this.#record.addFabricDrops(t, "router_link", 0, (await heldPackets(this.#lab)) - this.#heldBefore);
    return t;
  }

  /** Once the traffic is over: what has not ended by then ends, so that its drops are counted. */
  async finish(): Promise<void> {
    if (this.#down.length > 0) await this.end();
  }

  async #set(state: "up" | "down"): Promise<void> {
    await inFabrics(this.#lab, "ip", this.#down, (router) =>
      portsOf(router).map((port) => `link set dev ${port} ${state}`),
    );
  }
}
