// SPDX-License-Identifier: Apache-2.0
import test from "ava";
import type { Event, RunInfo, Summary } from "../record/schema.ts";
import { runInfo, streamStart } from "../report/fixture-base.ts";
import { packetFailures } from "./accounts.ts";
import { explainer } from "./causes/index.ts";
import { integrity, integrityFailures } from "./integrity.ts";
import { buildTimeline } from "./timeline.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = ["vm-001", "vm-002"];
type Troubles = Partial<Record<"corrupt" | "duplicates" | "reordered" | "late" | "resent" | "unanswered", number>>;

interface Given {
  troubles?: Record<string, Troubles>;
  maxLateUs?: number;
  options?: Record<string, unknown>;
  events?: Event[];
  family?: RunInfo["family"];
}

const none = { corrupt: 0, duplicates: 0, reordered: 0, late: 0, resent: 0, unanswered: 0 };

/** One sample at 9 s, 10,000 answers of the stream "ipv6" since 8 s, and everything that went wrong since then. */
function seen({ troubles = {}, maxLateUs = 0, options = {}, events = [], family = "both" }: Given) {
  const all = Object.entries(troubles).map(([name, some]) => [name, { ...none, ...some }] as const);
  const sum = (what: keyof typeof none) => all.reduce((total, [, one]) => total + one[what], 0);
  const sample = (t: number, received: number, counts: typeof none): Event => ({
    kind: "sample",
    t,
    stream: "ipv6",
    alive: 1,
    connecting: 0,
    established: 1,
    failedConnects: 0,
    lost: {},
    sent: received,
    received,
    lateSends: 0,
    maxLateUs,
    perTarget: {},
    hist: [],
    integrity: {
      checked: received,
      corrupt: counts.corrupt,
      duplicates: counts.duplicates,
      reordered: counts.reordered,
      late: counts.late,
    },
  });
  const record: Event[] = [
    { kind: "deployed", t: T0 - S, backend: "nfqueue", active: targets, effectiveOptions: {}, oracle: null },
    { ...streamStart(T0, 10, 1e5), stream: "ipv6", family: 6 },
    sample(T0 + 8 * S, 10_000, none),
    sample(T0 + 9 * S, 20_000, {
      ...none,
      corrupt: sum("corrupt"),
      duplicates: sum("duplicates"),
      reordered: sum("reordered"),
      late: sum("late"),
    }),
    ...events,
    {
      kind: "stream_end",
      t: T0 + 10 * S,
      stream: "ipv6",
      userUs: 1,
      systemUs: 1,
      lateSends: 0,
      maxLateUs,
      troubles: Object.fromEntries(all),
    },
  ];
  const run = { ...runInfo("nfqueue_scale", "scale", targets, []), family, options };
  const timeline = buildTimeline(record, targets, ["vm-201"]);
  if (!timeline) throw new Error("There is no timeline.");
  const context = { run, events: record, timeline };
  const found = integrity({ ...context, explainer: explainer(context), explain: () => {} }).part().summary?.integrity;
  if (!found) throw new Error("Nobody looked.");
  return { ...found, reasons: integrityFailures({ integrity: found, family }) };
}

test("messages that are not as they were sent are named with their target and family", (t) => {
  t.deepEqual(seen({}).reasons, []);
  t.deepEqual(seen({ troubles: { "vm-002": { corrupt: 3 } } }).reasons, [
    "3 of 20,000 messages that were looked at came back otherwise than they were sent, all from vm-002 over IPv6.",
  ]);
  t.deepEqual(seen({ troubles: { "vm-002": { duplicates: 2 }, "vm-001": { duplicates: 2 } }, family: "6" }).reasons, [
    "4 of 20,000 messages came back more than once.",
  ]);
  t.deepEqual(seen({ troubles: { "vm-001": { reordered: 1 } } }).judged.reordered, 1);
  const told = (corrupt: number) =>
    seen({
      troubles: { "vm-002": { corrupt: 3 } },
      events: [{ kind: "served", t: T0 + 11 * S, target: "vm-002", corrupt }],
    });
  t.regex(told(3).reasons.join(), /all from vm-002 over IPv6, and came to the targets so\.$/);
  t.regex(told(0).reasons.join(), /, though they came to the targets whole\.$/);
  t.deepEqual(seen({ troubles: { "": { corrupt: 1 } } }).where[0]?.target, null);
});

test("a busy machine, an event or an impairment that was asked for explains late and reordered answers", (t) => {
  const troubles = { "vm-002": { late: 100, reordered: 5 } };
  t.is(seen({ troubles }).reasons.length, 2);
  t.regex(
    seen({ troubles }).reasons.join(),
    /100 of 20,000 answers came later than 150 ms.* all from vm-002 over IPv6/,
  );
  const explained: Given[] = [
    { maxLateUs: 50_000 },
    { options: { delay: "10ms" } },
    {
      events: [{ kind: "machine", t: T0 + 9 * S, windowNs: S, busyCpus: 1.9, foreignCpus: 0, stolenCpus: 0, cpus: 2 }],
    },
    {
      events: [{ kind: "machine", t: T0 + 9 * S, windowNs: S, busyCpus: 1, foreignCpus: 0.6, stolenCpus: 0, cpus: 2 }],
    },
    {
      events: [
        {
          kind: "scale",
          t: T0 + 8.5 * S,
          action: "scale_in",
          machines: ["vm-001"],
          requestedT: T0 + 8.4 * S,
          effectiveT: T0 + 8.5 * S,
        } as Event,
      ],
    },
  ];
  for (const given of explained) t.deepEqual(seen({ troubles, ...given }).reasons, [], JSON.stringify(given));
  const narrow: Event = { kind: "counters", t: T0 + 9 * S, machine: "vm-222", moment: "after", values: {} };
  t.is(seen({ troubles, events: [narrow] }).judged.late, 0, "what is too large for the way is sent again");
  t.is(seen({ troubles: { "vm-002": { late: 2 } } }).reasons.length, 0, "twice is no rule");
  t.is(seen({ troubles: { "vm-002": { corrupt: 2 } }, options: { corrupt: "1%" } }).judged.corrupt, 0);
  t.is(seen({ troubles: { "vm-002": { corrupt: 2 } }, maxLateUs: 5e5 }).judged.corrupt, 2, "no machine is so busy");
});

test("packets that are missing are told by family, and by the target whose segments had to be sent again", (t) => {
  const packets: Summary["packets"] = { sent: 193_279, received: 193_174, dropped: {}, unaccounted: 105, noise: 9 };
  const sentences = (more: object, troubles?: Record<string, Troubles>) =>
    packetFailures({
      packets: { ...packets, ...more },
      family: "both",
      ...(troubles ? { integrity: seen({ troubles }) } : {}),
    });
  t.deepEqual(sentences({ unaccountedByFamily: { ipv4: 0, ipv6: 105 } }, { "vm-002": { resent: 103 } }), [
    "105 of 193,279 packets are unaccounted for, all over IPv6: something drops them on their way to the targets; a healthy lab shows 9 at most. 103 were sent again or had no answer, all to vm-002 over IPv6.",
  ]);
  t.deepEqual(sentences({ unaccounted: 9 }), []);
  const answers = { sent: 190_000, received: 189_900, unaccounted: 100, duplicated: 0, noise: 9 };
  t.deepEqual(sentences({ unaccounted: 0, answers }, { "vm-002": { unanswered: 98 } }), [
    "100 of 190,000 packets from the targets are unaccounted for: something drops them on their way back; a healthy lab shows 9 at most. Messages without an answer, all from vm-002 over IPv6.",
  ]);
  const doubled = { ...answers, unaccounted: 0, duplicated: 40 };
  t.regex(
    sentences({ unaccounted: 0, answers: doubled }).join(),
    /The tester received 40 packets more than the targets sent/,
  );
  t.deepEqual(sentences({ unaccounted: 0, duplicated: 13_998, sent: 46_639 }), [
    "targets received 13,998 packets more than the tester sent (46,639): a proxy must count relay.in and relay.out, or say `accounts: false`; without a proxy something duplicates packets; a healthy lab shows 9 at most.",
  ]);
});
