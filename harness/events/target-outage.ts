// SPDX-License-Identifier: Apache-2.0
import type { RecordWriter } from "../record/record.ts";
import type { Lab } from "../runtime/runtime.ts";
import { linkOn, type Machine } from "../topology/topology.ts";

/**
 * A span in which targets are dead: links stay up, but nothing comes to them and nothing from them, as queues without room drop
 * it all. What was sent to them is a drop with a name; what goes to everybody does not come to their ports.
 */
export class TargetOutage {
  readonly #lab: Lab;
  readonly #record: RecordWriter;
  #dead: readonly Machine[] = [];
  #dropped = 0;

  constructor(lab: Lab, record: RecordWriter) {
    this.#lab = lab;
    this.#record = record;
  }

  async begin(dead: readonly Machine[]): Promise<number> {
    this.#dead = dead;
    await this.#ask("off");
    await this.#queues((device) => `qdisc replace dev ${device} root pfifo limit 0\n`);
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    const before = this.#dropped;
    for (const { name } of this.#dead) {
      const { stdout } = await this.#lab.host("fabric").exec(["tc", "-s", "qdisc", "show", "dev", portOf(name)]);
      this.#dropped += Number(/qdisc pfifo[\s\S]*?\(dropped (\d+),/.exec(stdout)?.[1] ?? 0);
    }
    await this.#queues((device) => `qdisc del dev ${device} root\n`);
    await this.#ask("on");
    const t = this.#lab.clock.now();
    this.#dead = [];
    this.#record.addFabricDrops(t, "dead_target", before, this.#dropped);
    return t;
  }

  /** Once the traffic is over: what has not ended by then ends, so that its drops are counted. */
  async finish(): Promise<void> {
    if (this.#dead.length > 0) await this.end();
  }

  /** Whether broadcast and multicast come to their ports. */
  async #ask(state: "on" | "off"): Promise<void> {
    const lines = this.#dead.map(
      ({ name }) => `link set dev ${portOf(name)} bcast_flood ${state} mcast_flood ${state}\n`,
    );
    await this.#lab.wiring("fabric").exec(["bridge", "-batch", "-"], { input: lines.join("") });
  }

  /** At both ends of each link. */
  async #queues(line: (device: string) => string): Promise<void> {
    const batch = (machine: string, lines: readonly string[]) =>
      this.#lab.wiring(machine).exec(["tc", "-batch", "-"], { input: lines.join("") });
    await Promise.all([
      batch(
        "fabric",
        this.#dead.map(({ name }) => line(portOf(name))),
      ),
      ...this.#dead.map((target) => batch(target.name, [line(linkOn(target, "net1").device)])),
    ]);
  }
}

const portOf = (name: string) => `${name}.1`;
