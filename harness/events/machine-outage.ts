// SPDX-License-Identifier: Apache-2.0
import type { RecordWriter } from "../record/record.ts";
import { fabricAt, inFabrics } from "../runtime/fabric.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Machine } from "../topology/topology.ts";

/** A device whose queue drops packets on their way to the targets: drops of the others are of answers. "fabric" has the machine's ports. */
type Counted = readonly [where: "fabric" | "machine", device: string];

/** Packets that a queue has room for while its machine lives: no link is that slow. */
const ROOM = 10_000;

/**
 * A span in which machines are dead: links stay up, but nothing comes to them and nothing from them, as queues without room drop
 * it all. To put a queue there, or to take it away, drops what comes meanwhile, and nobody counts that: so `prepare` puts them there
 * before the traffic, and death changes their room ("replace" by a queue of the same kind does no more). What was dropped on its way
 * to the targets is a drop with a name; what goes to everybody does not come to their ports.
 */
export abstract class MachineOutage {
  readonly #lab: Lab;
  readonly #record: RecordWriter;
  #dead: readonly Machine[] = [];
  readonly #prepared = new Set<string>();
  /** By device, since its queue is there. */
  readonly #dropped = new Map<string, number>();

  /** Of the drops. */
  protected abstract readonly name: string;
  protected abstract counted(machine: Machine): readonly Counted[];

  constructor(lab: Lab, record: RecordWriter) {
    this.#lab = lab;
    this.#record = record;
  }

  /** Of machines that will die. */
  async prepare(machines: readonly Machine[]): Promise<void> {
    const fresh = machines.filter(({ name }) => !this.#prepared.has(name));
    await this.#queues(fresh, (device) => `qdisc replace dev ${device} root pfifo limit ${ROOM}`);
    for (const { name } of fresh) this.#prepared.add(name);
  }

  async begin(dead: readonly Machine[]): Promise<number> {
    await this.prepare(dead);
    this.#dead = dead;
    await this.#ask("off");
    await this.#queues(dead, (device) => `qdisc replace dev ${device} root pfifo limit 0`);
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    const before = this.#sum();
    await this.#queues(this.#dead, (device) => `qdisc replace dev ${device} root pfifo limit ${ROOM}`);
    for (const machine of this.#dead)
      for (const [where, device] of this.counted(machine)) {
        const host = where === "fabric" ? fabricAt(this.#lab, machine) : this.#lab.wiring(machine.name);
        const { stdout } = await host.exec(["tc", "-s", "qdisc", "show", "dev", device]);
        const dropped = Number(/qdisc pfifo[\s\S]*?\(dropped (\d+),/.exec(stdout)?.[1] ?? 0);
        this.#dropped.set(`${where === "fabric" ? where : machine.name} ${device}`, dropped);
      }
    await this.#ask("on");
    const t = this.#lab.clock.now();
    this.#dead = [];
    this.#record.addFabricDrops(t, this.name, before, this.#sum());
    return t;
  }

  #sum(): number {
    return [...this.#dropped.values()].reduce((sum, n) => sum + n, 0);
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
  async #queues(machines: readonly Machine[], line: (device: string) => string): Promise<void> {
    await Promise.all([
      inFabrics(this.#lab, "tc", machines, (machine) => portsOf(machine).map(line)),
      ...machines.map(({ name, links }) => {
        const input = links.map(({ device }) => `${line(device)}\n`).join("");
        return this.#lab.wiring(name).exec(["tc", "-batch", "-"], { input });
      }),
    ]);
  }
}

/** The fabric's ends of its links. */
export const portsOf = ({ name, links }: Machine) => links.map(({ net }) => `${name}.${net.slice(-1)}`);
