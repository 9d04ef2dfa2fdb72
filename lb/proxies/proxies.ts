// SPDX-License-Identifier: Apache-2.0
// What the proxies share: the VIP is the router's own address, and their programs end connections there and begin others.
import { availableParallelism } from "node:os";
import { z } from "zod";
import type { Balancer } from "../../harness/api/backend.ts";
import {
  type Exit,
  type Host,
  type Lab,
  LabError,
  type Process,
  type SpawnOptions,
} from "../../harness/runtime/runtime.ts";
import { type Machine, vipsOf } from "../../harness/topology/topology.ts";
import { lineReader } from "../../harness/traffic/lines.ts";
import { PORT } from "../../harness/traffic/servers.ts";
import { within } from "../../harness/util/deadline.ts";
import { checkWeights } from "../linux/options.ts";
import { ipBatch, onEveryRouter, type RouterSide, setSysctls } from "../linux/routers.ts";

const SIGTERM = 15;
const READY_MS = 10_000;

export const PORTS = { tcp: [PORT.connect, PORT.stream.tcp], udp: [PORT.connect, PORT.stream.udp] } as const;

/** One process holds at most as many sockets as its hard limit says, often 20,000, and a connection takes two. */
export const workers = z.coerce
  .number()
  .int()
  .min(1)
  .max(64)
  .default(Math.max(2, availableParallelism()))
  .describe("processes on each router, which share the connections; one holds half as many as it may open files");

/** The options as they are used. Throws UsageError when there is not one weight for each target. */
export function effectiveOptions<Given extends { weights?: number[] | undefined }>(
  { weights, ...others }: Given,
  targets: number,
) {
  checkWeights(weights, targets);
  return { ...others, ...(weights ? { weights: weights.join(",") } : {}) };
}

export interface ProxySide extends RouterSide {
  stop(): Promise<void>;
}

/** Starts a proxy on every router. `onFault` of the balancer tells when one of them ends by itself. */
export async function onEveryProxy(
  lab: Lab,
  active: readonly number[],
  sideOf: (host: Host, router: Machine, fault: (sentence: string) => void) => ProxySide,
  services = 0,
): Promise<Balancer> {
  const sides: ProxySide[] = [];
  let proxies: Balancer | null = null;
  let stopping = false;
  const balancer = await onEveryRouter(lab, active, (host, router) => {
    const side = sideOf(host, router, (sentence) => stopping || proxies?.onFault?.(sentence));
    sides.push(side);
    return {
      ...side,
      async install(first) {
        await ownVips(host, services);
        await side.install(first);
      },
      counters: () => relayed(host),
    };
  });
  proxies = {
    ...balancer,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await Promise.all(sides.map((side) => side.stop()));
    },
  };
  return proxies;
}

/** Ports for connections to targets: those that the VIP listens on are other addresses' business. */
async function ownVips(host: Host, services: number): Promise<void> {
  await setSysctls(host, [
    "net/core/somaxconn=65535",
    "net/ipv4/tcp_max_syn_backlog=65535",
    "net/ipv4/ip_local_port_range=1024 65535",
  ]);
  await ipBatch(
    host,
    vipsOf(4, services).map((vip) => `addr add ${vip}/32 dev lo`),
  );
  await ipBatch(
    host,
    vipsOf(6, services).map((vip) => `addr add ${vip}/128 dev lo nodad`),
  );
}

/** Proxies make tables for all the files that they may open, so they are not given more than that, whatever the limit. */
const MOST_FILES = 65_536;

/** How many files one process in this machine may open. */
export async function openFiles(host: Host): Promise<number> {
  const { stdout } = await host.exec(["@read", "/proc/self/limits"]);
  const hard = Number(stdout.match(/^Max open files\s+\S+\s+(\d+)/m)?.[1] ?? MOST_FILES);
  return Math.min(hard, MOST_FILES);
}

const DEVICE = { in: "eth2", out: "eth1" } as const;
const COLUMN = { in: 1, out: 9 } as const;

/** Packets from the tester and to the targets, by the routers' devices; without multicast, as everywhere. */
async function relayed(host: Host): Promise<Record<string, number>> {
  const snmp6 = (device: string) => `/proc/net/dev_snmp6/${device}`;
  const { stdout } = await host.exec(["@read", "/proc/net/dev", snmp6(DEVICE.in), snmp6(DEVICE.out)]);
  const [, , ofIn = "", ofOut = ""] = stdout.split(/^==> .* <==\n/m).map((text, i) => (i === 1 ? "" : text));
  const packets = (way: "in" | "out") => {
    const line = stdout.split("\n").find((text) => text.trim().startsWith(`${DEVICE[way]}:`));
    return Number(line?.split(":")[1]?.trim().split(/\s+/)[COLUMN[way]] ?? 0);
  };
  const multicast = (text: string, name: string) => Number(text.match(new RegExp(`^${name}\\s+(\\d+)`, "m"))?.[1] ?? 0);
  return {
    "relay.in": packets("in") - multicast(ofIn, "Ip6InMcastPkts"),
    "relay.out": packets("out") - multicast(ofOut, "Ip6OutMcastPkts"),
  };
}

/** A program that serves until it is stopped, and the lines that it says on stderr. */
export class Daemon {
  readonly #host: Host;
  readonly #argv: readonly string[];
  readonly #process: Process;
  readonly #ended: Promise<string>;
  #onLine: (line: string) => void = () => {};
  #said: string[] = [];
  /** Until it has ended. */
  alive = true;

  /** `read` gets every line, `fault` how it ended. */
  constructor(
    host: Host,
    argv: readonly string[],
    options: SpawnOptions,
    fault: (sentence: string) => void,
    read: (line: string) => void = () => {},
  ) {
    this.#host = host;
    this.#argv = argv;
    this.#process = host.spawn(argv, {
      ...options,
      onStderr: lineReader((line) => {
        this.#said = [...this.#said.slice(-9), line];
        read(line);
        this.#onLine(line);
      }),
    });
    this.#ended = this.#process.exited.then(
      (exit) => {
        this.alive = false;
        const sentence = this.#sentence(exit);
        fault(sentence);
        return sentence;
      },
      (error: Error) => error.message,
    );
  }

  /** Resolves when `seen` says so of the lines that follow; rejects with what it throws, when the program ends, or takes too long. */
  until(seen: (line: string) => boolean): Promise<void> {
    return this.while(
      new Promise((resolve, reject) => {
        this.#onLine = (line) => {
          try {
            if (seen(line)) resolve();
          } catch (error) {
            reject(error as Error);
          }
        };
      }),
    );
  }

  /** The promise, unless the program ends before, or it takes too long. */
  while<T>(promise: Promise<T>, withinMs = READY_MS): Promise<T> {
    const ended = this.#ended.then((sentence) => {
      throw new LabError(sentence);
    });
    const late = () => new LabError(`${this.#name} took longer than ${withinMs / 1000} s${this.#words()}`);
    return within(Promise.race([promise, ended]), withinMs, late);
  }

  signal(number: number): void {
    this.#process.signal(number);
  }

  async stop(): Promise<void> {
    this.#process.signal(SIGTERM);
    await this.#ended;
  }

  get #name(): string {
    return `'${this.#argv.join(" ")}' on ${this.#host.name}`;
  }

  #sentence({ code, signal }: Exit): string {
    return `${this.#name} ended (${code === null ? `signal ${signal}` : `code ${code}`})${this.#words()}`;
  }

  #words(): string {
    return this.#said.length > 0 ? `: ${this.#said.join(" ").slice(-2000)}` : ".";
  }
}
