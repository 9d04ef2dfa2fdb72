// SPDX-License-Identifier: Apache-2.0
// How many packets a healthy lab fails to account for, and what there is to say when it is more.
import type { Summary } from "../record/schema.ts";
import { count, is, plural, was } from "../util/numbers.ts";
import { binomialUpperP } from "./statistics.ts";
import { whence } from "./whence.ts";

/**
 * Labs that were healthy: 2 of 2,600,000 packets in 150 runs (a packet between two readings of counters). Twice the 95 % upper
 * limit of that rate. In containers 0 of 762,494 to the targets and 0 of 528,740 back, in 27 runs on a machine that others kept busy
 * (2026-11-29): the limit of that rate is the same.
 */
const HEALTHY_RATE = 5e-6;
/** Where netem is at work, packets are lost where nobody counts; where counters were read while packets moved, some were on their way. */
const UNSURE_RATE = 1e-3;
/** Probability that a healthy run has more. */
const ALARM = 1e-5;

/** The most packets of so many that a healthy lab does not account for. */
export function noiseOf(sent: number, unsure: boolean): number {
  const rate = unsure ? UNSURE_RATE : HEALTHY_RATE;
  let most = Math.floor(sent * rate);
  while (most < sent && binomialUpperP(most + 1, sent, rate) >= ALARM) most++;
  return most;
}

type Accounts = Pick<Summary, "packets" | "family"> & { integrity?: Summary["integrity"] | undefined };

/** One sentence for each thing that is not as it must be. */
export function packetFailures({ packets, integrity, family }: Accounts): string[] {
  const { sent, unaccounted, duplicated = 0, noise = 0, unaccountedByFamily: by, relayed } = packets;
  const families = [
    { target: null, family: 4 as const, count: Math.max(0, by?.ipv4 ?? 0) },
    { target: null, family: 6 as const, count: Math.max(0, by?.ipv6 ?? 0) },
  ];
  const limit = `a healthy lab shows ${noise === 0 ? "none" : `${count(noise)} at most`}`;
  const checks: [boolean, string][] = [
    [
      unaccounted > noise,
      `${count(unaccounted)} of ${plural(sent, "packet")} ${is(unaccounted)} unaccounted for${whence(families, "to", family === "both")}: something drops them on their way to the targets; ${limit}${resent({ integrity, family })}.`,
    ],
    [
      duplicated > noise,
      relayed
        ? `${plural(duplicated, "packet")} more arrived than were sent (${count(sent)}): something duplicates packets; ${limit}.`
        : `targets received ${plural(duplicated, "packet")} more than the tester sent (${count(sent)}): a proxy must count relay.in and relay.out, or say \`accounts: false\`; without a proxy something duplicates packets; ${limit}.`,
    ],
  ];
  return [...checks.flatMap(([bad, text]) => (bad ? [text] : [])), ...answerFailures({ packets, integrity, family })];
}

/** The same of the way back. */
function answerFailures({ packets: { answers }, integrity, family }: Accounts): string[] {
  if (!answers) return [];
  const { sent, unaccounted, duplicated, noise } = answers;
  const limit = `a healthy lab shows ${noise === 0 ? "none" : `${count(noise)} at most`}`;
  const all = plural(sent, "packet");
  if (unaccounted > noise)
    return [
      `${count(unaccounted)} of ${all} from the targets ${is(unaccounted)} unaccounted for: something drops them on their way back; ${limit}${withoutAnswer({ integrity, family })}.`,
    ];
  if (duplicated > noise)
    return [
      `The tester received ${plural(duplicated, "packet")} more than the targets sent (${count(sent)}): something duplicates packets on their way back; ${limit}.`,
    ];
  return [];
}

/** UDP tells whose answers are missing. */
function withoutAnswer({ integrity, family }: Pick<Accounts, "family" | "integrity">): string {
  const places = (integrity?.where ?? []).map((one) => ({ ...one, count: one.unanswered }));
  const where = whence(places, "from", family === "both");
  return where === "" ? "" : `. Messages without an answer${where}`;
}

/** TCP tells which target's packets had to be sent again, and a missing answer whose datagrams were lost. */
function resent({ integrity, family }: Pick<Accounts, "family" | "integrity">) {
  const places = (integrity?.where ?? []).map((one) => ({ ...one, count: one.resent + one.unanswered }));
  const total = places.reduce((sum, one) => sum + one.count, 0);
  const where = whence(places, "to", family === "both");
  return where === "" ? "" : `. ${count(total)} ${was(total)} sent again or had no answer${where}`;
}
