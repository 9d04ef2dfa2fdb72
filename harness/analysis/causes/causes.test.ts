// SPDX-License-Identifier: Apache-2.0
// Root causes of runs that never happened: one connection is lost, and the record says why.
import test from "ava";
import type { EVENTS } from "../../events/index.ts";
import type { Flow } from "../../oracle/hash.ts";
import { hashFlow, makeOracle, type OracleSpec } from "../../oracle/oracle.ts";
import type { Connection, Event, FaultSubject, RootCause } from "../../record/schema.ts";
import { machines, runInfo, streamStart } from "../../report/fixture-base.ts";
import { TCP_FLAGS } from "../../tap/frame.ts";
import { type KernelDrop, type TapPacket, tapBytes } from "../../tap/records.ts";
import { icmpFrame, tcpFrame } from "../../testing/frames.ts";
import { analyse } from "../analyse.ts";
import { flowReader } from "../flows.ts";
import type { Story } from "./index.ts";

const S = 1e9;
const T0 = 1000 * S;
const targets = machines(1, 4);
const start = { ...streamStart(T0, 40, 1e6), durationUs: 10e6 };
const maglev: OracleSpec = { strategy: "maglev", m: 97, seed: 0, ports: true };
const stateful: OracleSpec = { strategy: "stateful", flush: true, assign: null };

interface World {
  oracle?: OracleSpec | null;
  events?: Event[];
  /** What the lost connection is like, besides. */
  lost?: Partial<Connection>;
  /** What a kernel said of a packet of it, or of an ICMP error (type and code) about it. */
  drop?: (Pick<KernelDrop, "machine" | "reason" | "where"> & { icmp?: [number, number] }) | undefined;
  /** Who reset it as the tap saw it, and when. */
  reset?: { machine: string; s: number } | undefined;
  /** The target that it is on; "kept": one whose slot no event moves. */
  on?: string;
}

const scale = (kind: keyof typeof EVENTS, names: string[]): Event => ({
  kind: "scale",
  t: T0 + 5.01 * S,
  action: kind,
  machines: names,
  requestedT: T0 + 5 * S,
  effectiveT: T0 + 5.01 * S,
});

const error = (text: string, about: FaultSubject): Event => ({ kind: "error", t: T0 + 9 * S, text, about });

/** Forty connections, of which the first that is on `on` is lost, and what is said of it. */
function told({
  oracle = maglev,
  events = [],
  lost = {},
  drop,
  reset,
  on = "vm-003",
}: World): Story & { root: RootCause } {
  const flowOf = flowReader(start);
  const choice = makeOracle(maglev, [0, 1, 2, 3]);
  const connections = Array.from({ length: 40 }, (_, id): Connection => {
    const tuple = { srcOffset: 1 + id * 7919, sport: 1024 + id * 13 };
    const target = targets[choice.pick(hashFlow(maglev, flowOf(tuple))) ?? 0] ?? null;
    return { ...row(id), ...tuple, target };
  });
  const one = connections.find(({ target }) => target === on);
  Object.assign(one ?? {}, { cause: "reset", endUs: 5.5e6, lastProgressUs: 5e6, ...lost });
  const deployed: Event = { kind: "deployed", t: T0 - S, backend: "b", active: targets, effectiveOptions: {}, oracle };
  const end: Event = {
    kind: "stream_end",
    t: T0 + 10 * S,
    stream: "ipv4",
    userUs: 1,
    systemUs: 1,
    lateSends: 0,
    maxLateUs: 0,
  };
  const run = { ...runInfo("b_scale", "scale", targets, []), routers: ["vm-201", "vm-202"] };
  const packets = one ? tapped(flowOf(one), { drop, reset }) : Buffer.alloc(0);
  const { summary, series } = analyse(run, { events: [deployed, start, ...events, end], connections, packets });
  const [story] = [...series.stories.outside, ...series.stories.examples];
  const root = story?.root;
  if (!story || !root) throw new Error("Nothing was lost.");
  const inEvents = summary.events.reduce((sum, { causes = {} }) => sum + (causes[root] ?? 0), 0);
  if (summary.causes?.[root] !== inEvents + (summary.causesOutsideEvents?.[root] ?? 0))
    throw new Error("The causes do not add up.");
  return { ...story, root };
}

const tapped = (flow: Flow, { drop, reset }: Pick<World, "drop" | "reset">): Buffer =>
  tapBytes(reset ? [resetOf(flow, reset)] : [], drop ? [dropOf(flow, drop)] : []);

/** Of a TCP packet that the client sent at 6 s. */
function dropOf(flow: Flow, { icmp, ...drop }: NonNullable<World["drop"]>): KernelDrop {
  const packet = tcpFrame(flow, 0);
  return { what: "dropped", t: T0 + 6 * S, ...(icmp ? icmpFrame(packet.data, ...icmp) : packet), ...drop };
}

const resetOf = (
  { src, dst, sport, dport, protocol }: Flow,
  { machine, s }: { machine: string; s: number },
): TapPacket => ({
  machine,
  net: "net1",
  t: T0 + s * S,
  ...tcpFrame({ src: dst, dst: src, sport: dport, dport: sport, protocol }, TCP_FLAGS.RST),
});

const row = (id: number): Connection => ({
  stream: "ipv4",
  id,
  generation: 0,
  cause: "none",
  srcOffset: 1,
  sport: 1,
  target: null,
  movedTo: null,
  startUs: id * 1000,
  establishedUs: id * 1000 + 200,
  endUs: 10e6,
  longestGapUs: 0,
  lastProgressUs: 9.9e6,
  sent: 10,
  received: 10,
});

const silence = (role: "server" | "generator", of: string): Event => ({
  kind: "silence",
  t: T0 + 7 * S,
  of,
  role,
  fromT: T0 + 4 * S,
  limitNs: 1.75 * S,
  lagNs: 0,
});

const cases: readonly (World & { what: string; root: RootCause; sentence: RegExp })[] = [
  {
    what: "whose target left",
    on: "vm-001",
    events: [scale("scale_in", ["vm-001"])],
    root: "target_gone",
    sentence:
      /^Lost by reset on vm-001: its slot \d+ of 97 moved from vm-001 to vm-00[234] when vm-001 left at 5\.010 s\.$/,
  },
  {
    what: "whose target left with its state",
    on: "vm-001",
    oracle: stateful,
    events: [scale("scale_in", ["vm-001"])],
    root: "state_flushed",
    sentence: /: vm-001 left at 5\.010 s, and the balancer removed the state of its connections\.$/,
  },
  {
    what: "whose target died unannounced",
    on: "vm-001",
    oracle: stateful,
    events: [scale("failure", ["vm-001"])],
    root: "target_dead",
    sentence: /: vm-001 died at 5\.010 s\.$/,
  },
  {
    what: "whose router changed",
    oracle: stateful,
    events: [scale("router_out", ["vm-202"])],
    root: "state_missing",
    sentence: /: vm-202 left at 5\.010 s, and the router that got it then does not know this connection\.$/,
  },
  {
    what: "that another target answered without an event",
    lost: { cause: "wrong_target", movedTo: "vm-002" },
    root: "misrouted",
    sentence:
      /^Lost by wrong target on vm-003: vm-002 answered at 5\.500 s; its table says vm-003, and no event had changed that\.$/,
  },
  {
    what: "that another target answered at an event, against the prediction",
    events: [scale("scale_in", ["vm-001"])],
    lost: { cause: "wrong_target", movedTo: "vm-002", srcOffset: 1 + 7919 * 2, sport: 1024 + 26 },
    on: "vm-004",
    root: "moved_by_table",
    sentence: /vm-002 answered at 5\.500 s, after scale_in at 5\.010 s, against the prediction\.$/,
  },
  {
    what: "whose server stood still",
    events: [silence("server", "vm-003")],
    root: "target_frozen",
    sentence: /: the server on vm-003 stood still from 4\.000 s to 7\.000 s\.$/,
  },
  {
    what: "whose generator stood still",
    events: [silence("generator", "ipv4")],
    root: "generator",
    sentence: /: the traffic generator ipv4 stood still from 4\.000 s to 7\.000 s\.$/,
  },
  {
    what: "whose target's link was down",
    events: [error("The link eth1 of vm-003 was down.", { what: "link", where: "vm-003" })],
    root: "link_down",
    sentence: /: the link eth1 of vm-003 was down\.$/,
  },
  {
    what: "whose router lost its rules",
    events: [error("The rules of vm-201 changed.", { what: "rules", where: "vm-201" })],
    root: "rules_missing",
    sentence: /: the rules of vm-201 changed\.$/,
  },
  {
    what: "whose balancer had ended",
    events: [{ kind: "fault", t: T0 + 5.2 * S, text: "The balancer on vm-201 ended." }],
    root: "balancer_down",
    sentence: /: the balancer on vm-201 ended\.$/,
  },
  {
    what: "whose reset a busy generator read long after its target left",
    on: "vm-001",
    events: [scale("scale_in", ["vm-001"])],
    lost: { endUs: 9e6 },
    reset: { machine: "vm-004", s: 5.5 },
    root: "target_gone",
    sentence: /^RST by vm-004, which never had this connection: its slot .* when vm-001 left at 5\.010 s\.$/,
  },
  {
    what: "whose reset came long after all events",
    events: [scale("scale_in", ["vm-001"])],
    lost: { endUs: 9e6 },
    reset: { machine: "vm-004", s: 8.9 },
    root: "misrouted",
    sentence: /RST by vm-004 at 8\.900 s, which never had this connection; its table says vm-003/,
  },
  ...(
    [
      ["reverse_path_filter", "vm-201", "IP_RPFILTER", "ip_rcv_finish_core"],
      ["mtu", "vm-201", "PKT_TOO_BIG", "ip_forward"],
      ["checksum", "vm-003", "TCP_CSUM", "tcp_v4_rcv"],
      ["queue_overrun", "vm-201", "NOT_SPECIFIED", "nf_queue"],
      ["dropped_by_router", "vm-201", "NETFILTER_DROP", "nft_do_chain"],
      ["target_slow", "vm-003", "NETFILTER_DROP", "nft_do_chain"],
    ] as const
  ).map(([root, machine, reason, where]) => ({
    what: `of which ${machine}'s kernel said ${reason} in ${where}`,
    lost: { cause: "stalled" as const, endUs: 8e6, lastProgressUs: 5e6 },
    drop: { machine, reason, where },
    root,
    sentence: new RegExp(`: ${machine} dropped its packets: ${reason} in ${where} \\(the kernel's reason\\)\\.$`),
  })),
  {
    what: "of which a router drops what it has to say of a packet that is too large",
    lost: { cause: "stalled" as const, endUs: 8e6, lastProgressUs: 5e6 },
    drop: { machine: "vm-201", reason: "NETFILTER_DROP", where: "nft_do_chain", icmp: [3, 4] },
    root: "mtu",
    sentence: /: vm-201 dropped ICMP 3\/4 about its packets: NETFILTER_DROP in nft_do_chain \(the kernel's reason\)\.$/,
  },
];

for (const { what, root, sentence, ...world } of cases)
  test(`a connection ${what} was lost by ${root}`, (t) => {
    const story = told(world);
    t.is(story.root, root, story.sentence);
    t.regex(story.sentence, sentence);
  });

test("what nothing explains is unknown, also where something broke elsewhere", (t) => {
  const elsewhere = [
    error("The link eth1 of vm-002 was down.", { what: "link", where: "vm-002" }),
    silence("server", "vm-002"),
    silence("generator", "ipv6"),
    scale("scale_out", ["vm-004"]),
  ];
  for (const events of [[], elsewhere]) {
    const story = told({ events, oracle: events.length > 0 ? stateful : maglev });
    t.is(story.root, "unknown", story.sentence);
    t.regex(story.sentence, /nothing in the record explains it\.$/);
  }
});

test("a kernel's word without a reason, or about a connection that was reset, blames nobody", (t) => {
  const stalled = { cause: "stalled" as const, endUs: 8e6, lastProgressUs: 5e6 };
  for (const world of [
    { drop: { machine: "vm-201", reason: "NOT_SPECIFIED", where: "tcp_v4_rcv" }, lost: stalled },
    { drop: { machine: "vm-201", reason: "IP_RPFILTER", where: "" } },
  ])
    t.is(told(world).root, "unknown");
});

test("the decision before and after an event names tables, slots and targets", (t) => {
  const { decisions } = told({ on: "vm-001", events: [scale("scale_in", ["vm-001"])] });
  t.is(decisions?.before.table, 1);
  t.is(decisions?.after.table, 2);
  t.is(decisions?.before.target, "vm-001");
  t.not(decisions?.after.target, "vm-001");
  t.is(decisions?.before.slot, decisions?.after.slot);
});
