// SPDX-License-Identifier: Apache-2.0
import { setTimeout as delay } from "node:timers/promises";
import type { Lab } from "../runtime/runtime.ts";
import { clientWords } from "../traffic/client.ts";
import { readCounters } from "../traffic/counters.ts";

/** Nobody serves there: the targets' stacks count what arrives. */
const DISCARD_PORT = 9;
const [LEAST_PPS, MOST_PPS, STEPS] = [20_000, 4_000_000, 8];

/** Where a flood goes. */
export interface FloodTarget {
  lab: Lab;
  family: 4 | 6;
  /** Bytes of a datagram. */
  size: number;
  /** Programs that send together. */
  senders: number;
}

const SWALLOW = `table inet discard {}
flush table inet discard
table inet discard {
  chain in {
    type filter hook prerouting priority raw;
    udp dport ${DISCARD_PORT} drop
  }
}
`;

/** Has targets drop what a flood brings as soon as it is counted: none of their CPU and no ICMP errors are in the figure. */
export const swallow = (lab: Lab): Promise<unknown> =>
  Promise.all(lab.topology.targets.map(({ name }) => lab.host(name).exec(["nft", "-f", "-"], { input: SWALLOW })));

export interface Flood {
  sent: number;
  /** Sent per second. */
  pps: number;
  /** Share that reached no target: datagrams are counted where they arrive, and dropped there. */
  loss: number;
}

/** Sends datagrams, each sender's of 1024 flows, for a while; `duration` as in "400ms". */
export async function flood(
  { lab, family, size, senders }: FloodTarget,
  pps: number,
  duration: string,
): Promise<Flood> {
  const before = await received(lab);
  const outputs = await Promise.all(
    Array.from({ length: senders }, (_, i) =>
      lab
        .host(lab.topology.tester.name)
        .exec([
          ...clientWords(lab, "flood", { family, port: DISCARD_PORT, seed: i + 1 }),
          "--flows",
          "1024",
          "--size",
          `${size}`,
          "--rate",
          `${Math.round(pps / senders)}`,
          "--duration",
          duration,
        ]),
    ),
  );
  const done = outputs.map(({ stdout }) => JSON.parse(stdout) as { sent: number; packetsPerS: number });
  const sent = done.reduce((sum, one) => sum + one.sent, 0);
  const packetsPerS = done.reduce((sum, one) => sum + one.packetsPerS, 0);
  // What still waits in a queue arrives within this, or is lost.
  await delay(100);
  return { sent, pps: packetsPerS, loss: 1 - ((await received(lab)) - before) / sent };
}

export interface Highest {
  /** Datagrams per second; 0: even the lowest rate loses more. */
  pps: number;
  /** No sender could send faster, or was asked to, and nothing was lost: the way carries more than that. */
  senderLimited: boolean;
}

/**
 * The highest rate at which no more than this share is lost: eight floods of 0.4 s between 20,000 and 4,000,000 a second, by bisection
 * of the logarithm, so good to 3 %.
 */
export const highestRate = (target: FloodTarget, mostLoss: number): Promise<Highest> =>
  bisected((pps) => flood(target, pps, "400ms"), mostLoss);

export async function bisected(send: (pps: number) => Promise<Flood>, mostLoss: number): Promise<Highest> {
  let [low, high, best] = [Math.log(LEAST_PPS), Math.log(MOST_PPS), 0];
  for (let step = 0; step < STEPS; step++) {
    const middle = (low + high) / 2;
    const { pps, loss } = await send(Math.exp(middle));
    if (loss > mostLoss) {
      high = middle;
      continue;
    }
    best = Math.max(best, pps);
    low = middle;
    if (pps < 0.9 * Math.exp(middle)) return { pps: best, senderLimited: true };
  }
  return { pps: best, senderLimited: high === Math.log(MOST_PPS) };
}

/** With twice the senders for as long as they are the limit, and at most so many. */
export async function withMoreSenders(rate: (senders: number) => Promise<Highest>, most: number): Promise<Highest> {
  let best = await rate(1);
  for (let senders = 2; best.senderLimited && senders <= most; senders *= 2) {
    const { pps, senderLimited } = await rate(senders);
    best = { pps: Math.max(best.pps, pps), senderLimited };
  }
  return best;
}

async function received(lab: Lab): Promise<number> {
  const counters = await Promise.all(lab.topology.targets.map(({ name }) => readCounters(lab, name)));
  return counters.reduce((sum, { ipIn = 0 }) => sum + ipIn, 0);
}
