// SPDX-License-Identifier: Apache-2.0
// What happens to TCP connections while one looks on, a line each: the target that one gets, who resets it, where it is
// stuck, and why kernels drop its packets. Pure.
import { dropText, isTelling } from "../analysis/causes/kernel.ts";
import { addressText } from "../analysis/flows.ts";
import { isTester } from "../topology/topology.ts";
import type { Client } from "./client-key.ts";
import { TCP_FLAGS } from "./frame.ts";
import { type Hop, hopOf, hopText, isReset, isSamePacket } from "./journey.ts";
import type { KernelDrop, TapPacket } from "./records.ts";

/** Connections that are remembered: more than a terminal shows. */
const MOST = 100_000;

interface Watched {
  /** Of the client's first SYN, in monotonic ns. */
  t: number;
  /** Its target is known, or its end. */
  isSettled: boolean;
  /** The last machine that the SYN was sent to; null: no machine of the lab. */
  reached: string | null;
  reset: Hop | null;
}

export class Watcher {
  readonly #targets: ReadonlySet<string>;
  readonly #known = new Map<string, Watched>();

  constructor(targets: Iterable<string>) {
    this.#targets = new Set(targets);
  }

  /** What there is to say of a packet; null: nothing. */
  see(packet: TapPacket): string | null {
    const { client, hop } = hopOf(packet) ?? {};
    const said = client && hop ? this.#said(client.key, hop) : null;
    return client && said !== null ? `${nameOf(client)} ${said}` : null;
  }

  /** What a kernel says of a packet that it dropped, or answered by a reset; null: it does not say why. */
  hear(drop: KernelDrop): string | null {
    const { client } = hopOf({ ...drop, net: "" }) ?? {};
    return client && isTelling(drop) ? `${nameOf(client)} ${dropText(drop)}` : null;
  }

  #said(key: string, hop: Hop): string | null {
    if (hop.icmp) return `${hopText(hop)} by ${hop.from}`;
    if (isReset(hop)) return this.#onReset(key, hop);
    if (!hop.tcp || !(hop.tcp.flags & TCP_FLAGS.SYN)) return null;
    if (!hop.isRequest) return this.#onAnswer(key, hop);
    return isTester(hop.from) ? this.#onFirstHop(key, hop) : this.#onNextHop(key, hop);
  }

  #onFirstHop(key: string, hop: Hop): string | null {
    const before = this.#known.get(key);
    const waits = before !== undefined && !before.isSettled;
    this.#known.delete(key);
    this.#known.set(key, { t: waits ? before.t : hop.t, isSettled: false, reached: hop.to, reset: null });
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > MOST) this.#known.delete(oldest);
    if (!waits) return null;
    const waitedS = ((hop.t - before.t) / 1e9).toFixed(1);
    return `no answer after ${waitedS} s: its SYN was last seen on its way to ${before.reached ?? "nobody"}`;
  }

  #onNextHop(key: string, hop: Hop): string | null {
    const known = this.#known.get(key);
    if (!known) return null;
    known.reached = hop.to;
    if (hop.to === null || !this.#targets.has(hop.to)) return null;
    known.isSettled = true;
    return `-> ${hop.to} by ${hop.from}`;
  }

  /** Of a proxy, or of a balancer that translates the client's address too: what they send to targets has other ends. */
  #onAnswer(key: string, hop: Hop): string | null {
    const known = this.#known.get(key);
    if (!known || known.isSettled || hop.to === null || !isTester(hop.to)) return null;
    known.isSettled = true;
    return `answered by ${hop.from}`;
  }

  /** Told where it begins: who passes it on does not reset. */
  #onReset(key: string, hop: Hop): string | null {
    const known = this.#known.get(key) ?? { t: hop.t, isSettled: true, reached: null, reset: null };
    if (known.reset && isSamePacket(known.reset, hop)) return null;
    this.#known.set(key, { ...known, isSettled: true, reset: hop });
    return `RST by ${isTester(hop.from) ? "the client" : hop.from}`;
  }
}

function nameOf({ address, port }: Client): string {
  const text = addressText(address);
  return text.includes(":") ? `[${text}]:${port}` : `${text}:${port}`;
}
