// SPDX-License-Identifier: Apache-2.0
import type { RecordWriter } from "../record/record.ts";
import type { Lab } from "../runtime/runtime.ts";

/** Columns of /proc/net/dev. */
const PACKETS = { in: 1, out: 9 } as const;

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
    this.#heldBefore = await this.#held();
    await this.#isolate("on");
    return this.#lab.clock.now();
  }

  async end(): Promise<number> {
    await this.#isolate("off");
    const t = this.#lab.clock.now();
    const before = this.#dropped;
    this.#dropped += (await this.#held()) - this.#heldBefore;
    this.#record.addFabricDrops(t, "blackout", before, this.#dropped);
    return t;
  }

  get #tester(): string {
    return `${this.#lab.topology.tester.name}.2`;
  }

  get #routers(): string[] {
    return this.#lab.topology.routers.map(({ name }) => `${name}.2`);
  }

  async #isolate(isolated: "on" | "off"): Promise<void> {
    const lines = [this.#tester, ...this.#routers].map(
      (port) => `link set dev ${port} type bridge_slave isolated ${isolated}\n`,
    );
    await this.#lab.host("fabric").exec(["ip", "-batch", "-"], { input: lines.join("") });
  }

  /** Packets of the tester that the bridge did not hand on to a router, since it was made. */
  async #held(): Promise<number> {
    const { stdout } = await this.#lab.host("fabric").exec(["@read", "/proc/net/dev"]);
    const count = (port: string, column: number) => {
      const line = stdout.split("\n").find((text) => text.trim().startsWith(`${port}:`));
      return Number(line?.split(":")[1]?.trim().split(/\s+/)[column] ?? 0);
    };
    const passed = this.#routers.reduce((sum, port) => sum + count(port, PACKETS.out), 0);
    return count(this.#tester, PACKETS.in) - passed;
  }
}
