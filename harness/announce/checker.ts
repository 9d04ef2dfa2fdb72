// SPDX-License-Identifier: Apache-2.0
// `traffic check` in a machine: which of some addresses answer ICMP echo, connections, or datagrams.
import { Daemon } from "../runtime/daemon.ts";
import type { Lab } from "../runtime/runtime.ts";
import type { Health, Timers } from "./timers.ts";

export interface Checks {
  lab: Lab;
  timers: Pick<Timers, "intervalMs" | "misses"> & Partial<Pick<Health, "rises">>;
  /** Absent: by ICMP. */
  port?: { tcp: number } | { udp: number };
  /** Where it runs, and whom it asks. */
  machine: string;
  addresses: readonly string[];
  /** Called with the indices of those that answer, one call after the other. */
  onChange: (alive: ReadonlySet<number>) => Promise<unknown>;
  /** It ended by itself, or `onChange` failed: a sentence. */
  onBroken: (sentence: string) => void;
}

/** Resolves when it has begun; all are taken to be alive at first. */
export async function startChecker({
  lab,
  timers,
  machine,
  addresses,
  port,
  onChange,
  onBroken,
}: Checks): Promise<Daemon> {
  const alive = new Set(addresses.keys());
  let changing: Promise<unknown> = Promise.resolve();
  const argv = [
    lab.program("traffic"),
    "check",
    ...addresses.flatMap((address) => ["--address", address]),
    "--interval",
    `${timers.intervalMs}ms`,
    "--fall",
    `${timers.misses}`,
    ...(timers.rises === undefined ? [] : ["--rise", `${timers.rises}`]),
    ...Object.entries(port ?? {}).flatMap(([protocol, number]) => [`--${protocol}`, `${number}`]),
  ];
  const daemon = new Daemon(lab.host(machine), argv, {
    onReport({ event, address }) {
      const index = addresses.indexOf(String(address));
      if (event === "up") alive.add(index);
      else if (event === "down") alive.delete(index);
      const now = new Set(alive);
      changing = changing.then(() => onChange(now)).catch((error: Error) => onBroken(error.message));
    },
    onEnd: (how) => onBroken(`The health checks of ${machine} ${how}`),
  });
  await daemon.ready("ready");
  return daemon;
}
