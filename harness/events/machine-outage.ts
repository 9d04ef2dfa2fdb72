// SPDX-License-Identifier: Apache-2.0
import type { RecordWriter } from "../record/record.ts";
import { fabricAt, inFabrics } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Machine } from "../topology/topology.ts";

/** A device whose queue drops packets on their way to the targets: drops of the others are of answers. "fabric" has the machine's ports. */
type Counted = readonly [where: "fabric" | "machine", device: string];

/**
 * A span in which machines are dead: links stay up, but nothing comes to them and nothing from them, as queues without room drop
 * it all. What was dropped on its way to the targets is a drop with a name; what goes to everybody does not come to their ports.
 */
export abstract class MachineOutage {
  readonly #lab: Lab;
  readonly #record: RecordWriter;
  #dead: readonly Machine[] = [];
  #dropped = 0;

  /** Of the drops. */
  protected abstract readonly name: string;
  protected abstract counted(machine: Machine): readonly Counted[];

  constructor(lab: Lab, record: RecordWriter) {
    this.#lab = lab;
    this.#record = record;
  }

  async begin(dead: readonly Machine[]): Promise<number> {
    this.#dead = dead;
    await this.#ask("off");
    await this.#queues((device) => `qdisc replace dev ${device} root pfifo limit 0`);
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    const before = this.#dropped;
    const counted = this.#dead.flatMap((machine) => this.counted(machine).map((one) => [machine, ...one] as const));
    for (const [machine, where, device] of counted) {
      const host = where === "fabric" ? fabricAt(this.#lab, machine) : this.#lab.wiring(machine.name);
      // At once: what it drops between the two would be no drop with a name.
      const input = `qdisc show dev ${device}\nqdisc del dev ${device} root\n`;
      const { stdout } = await host.exec(["tc", "-s", "-batch", "-"], { input });
      this.#dropped += Number(/qdisc pfifo[\s\S]*?\(dropped (\d+),/.exec(stdout)?.[1] ?? 0);
    }
    const done = new Set(counted.map(([{ name }, where, device]) => `${where === "fabric" ? where : name} ${device}`));
    await this.#queues((device, at) => (done.has(`${at} ${device}`) ? "" : `qdisc del dev ${device} root`));
    await this.#ask("on");
    const t = this.#lab.clock.now();
    this.#dead = [];
    this.#record.addFabricDrops(t, this.name, before, this.#dropped);
    return t;
  }

  /** Once the traffic is over: what has not ended by then ends, so that its drops are counted. */
  async finish(): Promise<void> {
    if (this.#dead.length > 0) await this.end();
  }

  /** Whether broadcast and multicast come to their ports. */
  async #ask(state: "on" | "off"): Promise<void> {
    await inFabrics(this.#lab, "bridge", this.#dead, (machine) =>
      portsOf(machine).map((port) => `link set dev ${port} bcast_flood ${state} mcast_flood ${state}`),
    );
  }

  /** At both ends of each link. */
  async #queues(line: (device: string, at: string) => string): Promise<void> {
    await Promise.all([
      inFabrics(this.#lab, "tc", this.#dead, (machine) => portsOf(machine).map((port) => line(port, "fabric"))),
      ...this.#dead.map(({ name, links }) => {
        const input = links.map(({ device }) => `${line(device, name)}\n`).join("");
        return this.#lab.wiring(name).exec(["tc", "-batch", "-"], { input });
      }),
    ]);
  }
}

/** The fabric's ends of its links. */
export const portsOf = ({ name, links }: Machine) => links.map(({ net }) => `${name}.${net.slice(-1)}`);
