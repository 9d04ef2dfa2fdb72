// SPDX-License-Identifier: Apache-2.0
// Flows in a run: a table for each, whose targets are its own, and the list that says which flow takes a packet.
import { type FlowRule, type Host, otherVip, type Router, vipPrefix } from "../../harness/api/index.ts";
import { tableSizes } from "../linux/table.ts";
import type { Options } from "./options.ts";

/** How the tables of flows are named. */
const tableOf = ({ name }: Pick<FlowRule, "name">) => `flow-${name}`;

/** A flow as a line of `nfqueue-lb flow-set --batch`. */
function lineOf(rule: FlowRule): string {
  const lists = {
    dsts: rule.vips,
    srcs: rule.sources,
    protocols: rule.protocols,
    dports: rule.ports,
    sports: rule.sourcePorts,
    match: rule.match,
  };
  return [
    `--name ${rule.name} --targets ${tableOf(rule)} --priority ${rule.priority ?? 0}`,
    ...Object.entries(lists).flatMap(([option, words]) => (words ? [`--${option} ${words.join(",")}`] : [])),
  ].join(" ");
}

/** The words of `init` for a table. */
export function tableWords(given: Options, targets: number): string[] {
  const { M, N } = tableSizes(given, targets);
  const table = ["-m", given.scheduler, "--M", `${M}`, "--N", `${N}`, "--seed", `${given.hashSeed}`];
  return [...table, ...(given.ports ? ["-p"] : []), ...(given.sctpHash === "flow" ? ["--sctp-hash", "flow"] : [])];
}

/** A flow for the VIP behind as many others, each with addresses of its own: all lead to the same table. */
export function flowsAmong(services: number, table: string): string {
  const flow = (name: string, vips: readonly string[]) =>
    `--name ${name} --targets ${table} --dsts ${vips.join(",")}\n`;
  const others = Array.from({ length: services }, (_, i) => i + 1);
  return [
    ...others.map((i) => flow(`other${i}`, [otherVip(i, 4), otherVip(i, 6)])),
    flow("vip", [vipPrefix(4), vipPrefix(6)]),
  ].join("");
}

/** Makes targets active in a table; resolves with since when, monotonic ns. */
type Activate = (host: Host, program: string, active: readonly number[], at: { shm: string }) => Promise<number>;

/** The flows of one router. */
export class Services {
  readonly #host: Host;
  readonly #program: string;
  readonly #shm: string;
  readonly #table: readonly string[];
  readonly #activate: Activate;
  readonly #made = new Set<string>();
  #rules: readonly FlowRule[] = [];

  /** `table` are the words of `init` for each flow's table; `shm` is the table of the balancer that goes by the list. */
  constructor({ host, lab }: Router, table: readonly string[], shm: string, activate: Activate) {
    this.#host = host;
    this.#program = lab.program("nfqueue-lb");
    this.#shm = shm;
    this.#table = table;
    this.#activate = activate;
  }

  /** Puts exactly these flows in force: tables first, so that no flow comes before its targets. */
  async set(rules: readonly FlowRule[], active: readonly number[]): Promise<void> {
    this.#rules = rules;
    for (const shm of rules.map(tableOf).filter((name) => !this.#made.has(name))) {
      await this.#host.exec([this.#program, "init", "--shm", shm, ...this.#table]);
      this.#made.add(shm);
    }
    await this.activate(active);
    const input = rules.map((rule) => `${lineOf(rule)}\n`).join("");
    await this.#host.exec([this.#program, "flow-set", "--shm", this.#shm, "--batch", "--replace"], { input });
  }

  /** Of these targets each flow uses its own. Resolves with since when all do, monotonic ns. */
  async activate(active: readonly number[]): Promise<number> {
    const times = await Promise.all(
      this.#rules.map((rule) =>
        this.#activate(
          this.#host,
          this.#program,
          active.filter((index) => rule.targets.includes(index)),
          { shm: tableOf(rule) },
        ),
      ),
    );
    return Math.max(...times);
  }

  async end(): Promise<void> {
    for (const shm of this.#made) await this.#host.exec([this.#program, "delete", "--shm", shm]);
  }
}
