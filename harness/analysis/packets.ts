// SPDX-License-Identifier: Apache-2.0
import type { Event, EventOf, RunInfo, Summary } from "../record/schema.ts";
import { EVIL_NAME, isTester } from "../topology/topology.ts";
import { noiseOf } from "./accounts.ts";
import type { AnalysisModule } from "./part.ts";

export const packets: AnalysisModule = ({ run, events }) => ({
  part() {
    const userSpace = userSpaceShare(events);
    const account = accountPackets(events, run.targets);
    // Those who find out that a router is dead send packets of their own, and so do those who flood.
    const unknown = events.some(
      (e) =>
        (e.kind === "deployed" && e.accounts === false) ||
        (e.kind === "announce" && e.by !== "none") ||
        e.kind === "health" ||
        e.kind === "flood",
    );
    const known = unknown ? unaccountable(account) : account;
    const unsure = isUnsure(run, events);
    const answers = unknown || isImpaired(run) ? null : answersOf(counted(events), new Set(run.targets));
    const path = pathOf(events);
    const packets = {
      ...known,
      ...(path ? { path } : {}),
      noise: noiseOf(account.sent, unsure),
      ...(answers ? { answers: { ...answers, noise: noiseOf(answers.sent, unsure) } } : {}),
    };
    return { summary: { packets, ...(userSpace ? { userSpace } : {}) } };
  },
});

/** What is left where a backend says that its packets cannot be accounted for. */
function unaccountable(account: Summary["packets"]): Summary["packets"] {
  const { sent, received, dropped } = account;
  return { sent, received, dropped, unaccounted: 0, accounts: false };
}

/** What the program in a link says of itself; null: there is none. */
function pathOf(events: readonly Event[]): NonNullable<Summary["packets"]["path"]> | null {
  const deltas = new Map(counted(events).find(({ machine }) => machine === "path")?.deltas);
  if (deltas.size === 0) return null;
  const of = (name: string) => deltas.get(`path.${name}`) ?? 0;
  const [received, lost, copied, damaged] = [of("received"), of("lost"), of("copied"), of("damaged")];
  return { received, lost, copied, damaged, ahead: of("ahead"), overrun: of("overrun"), refused: of("refused") };
}

/** netem drops where nobody counts, and counters that were read while packets moved do not fit each other. */
function isUnsure(run: RunInfo, events: readonly Event[]): boolean {
  // A dead path drops the kernel's own multicast too, which is no packet that was sent.
  const unsure = ["unsettled", "drop.dead_path"];
  return (
    (isImpaired(run) && !pathOf(events)) ||
    events.some((e) => e.kind === "counters" && unsure.some((name) => (e.values[name] ?? 0) > 0))
  );
}

const isImpaired = ({ options }: RunInfo): boolean =>
  ["loss", "delay", "reorder", "corrupt", "duplicate"].some((name) => options[name] !== undefined);

/** Drops of what a machine has received. */
const RECEIVING: ReadonlySet<string> = new Set(
  ["header_errors", "address_errors", "truncated", "unknown_protocol", "checksum", "reassembly_failed", "in_discards"]
    .concat("interface_rx")
    .map((name) => `drop.${name}`),
);

/**
 * IP packets, fragments among them, that the tester sent against those that reached the targets, with every drop that has a
 * name. Counters are read in each machine before and after the traffic; names beginning with "drop." are drops wherever they were
 * counted. With a proxy in between, which ends packets ("relay.in") and sends others ("relay.out"), each half of the way is held
 * against its own end. What routers send to targets for themselves ("probes") must arrive too.
 *
 * Where netem damages packets, a part of them is dropped where nobody counts: frames for an address that nobody has, or of a
 * protocol that there is not. These are "corrupted", and as many at most as netem may have damaged, or a program in the link
 * says that it has ("damaged."). What that sent twice ("copies.path") is due twice.
 */
function accountPackets(events: readonly Event[], targets: readonly string[]): Summary["packets"] {
  const all = counted(events);
  const isNarrow = !events.some((e) => e.kind === "routing" && e.hash.kind === "fib_multipath");
  const tally = tallyOf(all, new Set(targets), isNarrow);
  const { received, relayed, probes, icmpErrors } = tally;
  const dropped = droppedBy(all, new Set(targets));
  const tooLarge = tooLargeForTunnel(events, all, new Set([EVIL_NAME, ...targets]));
  if (tooLarge > 0) dropped.too_large_for_tunnel = tooLarge;
  // Fragments are sent from below the IP layer, which does not count them.
  const fragments = events.reduce((sum, event) => sum + (event.kind === "datagrams" ? event.fragments : 0), 0);
  const sent = tally.sent + fragments;
  const due = sent - relayed.in + relayed.out + probes + tally.copies - received;
  takeUnsent(dropped, all, { due, isTarget: new Set(targets) });
  const named = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  const balance = due - named;
  const rest = balance - Math.max(-unsureProbes(events, "before"), Math.min(unsureProbes(events, "after"), balance));
  const corrupted = Math.max(0, Math.min(rest, Math.ceil(tally.mostDamaged)));
  if (corrupted > 0) dropped.corrupted = corrupted;
  return {
    sent,
    received,
    dropped,
    unaccounted: Math.max(0, rest - corrupted),
    ...(rest < corrupted ? { duplicated: corrupted - rest } : {}),
    ...(rest === balance && corrupted + named + relayed.in + relayed.out + probes + tally.copies === 0
      ? byFamily(all, new Set(targets), balance)
      : {}),
    ...(relayed.in + relayed.out > 0 ? { relayed } : {}),
    ...(probes > 0 ? { probes } : {}),
    ...(icmpErrors === null ? {} : { icmpErrors }),
  };
}

/** What routers and targets count when they send, end or drop packets that are no answers on their way. */
const OTHERS = /^(?:drop\.(?!checksum$)|relay\.|probes$|icmpErrorsOut$)/;

/** Packets by the targets, against those to the tester; null where something else sent, ended or dropped some. */
function answersOf(all: readonly Counted[], isTarget: ReadonlySet<string>) {
  const sum = (wanted: string, at: (machine: string) => boolean) =>
    all
      .filter(({ machine }) => at(machine))
      .flatMap(({ deltas }) => deltas)
      .reduce((total, [name, delta]) => total + (name === wanted ? delta : 0), 0);
  const isBetween = (machine: string) => !isTester(machine) && !isTarget.has(machine);
  const others = all
    .filter(({ machine }) => !isTester(machine))
    .flatMap(({ deltas }) => deltas)
    .some(([name, delta]) => delta !== 0 && OTHERS.test(name));
  const sent = sum("ipOut", (machine) => isTarget.has(machine));
  const narrow = all.some(({ machine }) => machine === EVIL_NAME);
  if (others || narrow || sent === 0 || sum("ipOut", isBetween) !== 0) return null;
  const received = sum("ipIn", (machine) => isTester(machine));
  return { sent, received, unaccounted: Math.max(0, sent - received), duplicated: Math.max(0, received - sent) };
}

/** What does not fit into its tunnel a router drops, and answers each packet by an ICMP error. */
function tooLargeForTunnel(events: readonly Event[], all: readonly Counted[], others: ReadonlySet<string>): number {
  if (!events.some((e) => e.kind === "path" && e.icmp === "drop" && e.tunnel)) return 0;
  return all
    .filter(({ machine }) => !others.has(machine) && !isTester(machine))
    .flatMap(({ deltas }) => deltas)
    .reduce((sum, [name, delta]) => sum + (name === "icmpErrorsOut" ? delta : 0), 0);
}

/**
 * A reset that the tester owes to a stranger, as to a target whose reply was not translated back, has no route, and the kernel counts it
 * as a drop without having counted it as sent. A target's own ICMP error has none where a router does not know what it is about:
 * that is a drop on the way back.
 */
function takeUnsent(
  dropped: Record<string, number>,
  all: readonly Counted[],
  { due, isTarget }: { due: number; isTarget: ReadonlySet<string> },
): void {
  const { no_route: noRoute = 0, ...others } = dropped;
  const own = all
    .flatMap(({ machine, deltas }) =>
      deltas.filter(
        ([name]) =>
          (isTester(machine) && name === "drop.no_route") || (isTarget.has(machine) && name === "icmpErrorsOut"),
      ),
    )
    .reduce((sum, [, delta]) => sum + delta, 0);
  const tooMany = Object.values(others).reduce((sum, n) => sum + n, noRoute) - due;
  const unsent = Math.max(0, Math.min(own, tooMany));
  if (unsent === 0) return;
  if (unsent === noRoute) delete dropped.no_route;
  else dropped.no_route = noRoute - unsent;
}

/** Packets of health checks on their way: of those counted last some had not arrived, of those counted first some arrived later. */
function unsureProbes(events: readonly Event[], moment: "before" | "after"): number {
  return events.reduce(
    (sum, e) => sum + (e.kind === "counters" && e.moment === moment ? (e.values["probes.unsure"] ?? 0) : 0),
    0,
  );
}

/** Without anything in between what is missing of each family is known; all counters are of both but for those of IPv6. */
function byFamily(
  all: readonly Counted[],
  isTarget: ReadonlySet<string>,
  unaccounted: number,
): Pick<Summary["packets"], "unaccountedByFamily"> {
  const sum = (wanted: string, at: (machine: string) => boolean) =>
    all
      .filter(({ machine }) => at(machine))
      .flatMap(({ deltas }) => deltas)
      .reduce((total, [name, delta]) => total + (name === wanted ? delta : 0), 0);
  const ipv6 = sum("ipOut6", (machine) => isTester(machine)) - sum("ipIn6", (machine) => isTarget.has(machine));
  return unaccounted === 0 ? {} : { unaccountedByFamily: { ipv4: unaccounted - ipv6, ipv6 } };
}

/** `isNarrow`: the machine between routers and tester, if any, is there for its ICMP errors. */
function tallyOf(all: readonly Counted[], isTarget: ReadonlySet<string>, isNarrow: boolean) {
  const sum = (wanted: string, at: (machine: string) => boolean = () => true) =>
    all
      .filter(({ machine }) => at(machine))
      .flatMap(({ deltas }) => deltas)
      .reduce((total, [name, delta]) => total + (name === wanted ? delta : 0), 0);
  // It sends nothing of its own but ICMP errors, to the targets; "ipOut" of older kernels has what it forwards too.
  const evil = all.filter(({ machine }) => isNarrow && machine === EVIL_NAME).map(({ deltas }) => new Map(deltas));
  const errorsOf = (own: ReadonlyMap<string, number>) => own.get("icmpErrorsOut") ?? own.get("ipOut") ?? 0;
  const icmpErrors = evil.length === 0 ? null : evil.reduce((total, own) => total + errorsOf(own), 0);
  const damages = all.flatMap(({ deltas }) => deltas).filter(([name]) => /^damaged?\./.test(name));
  return {
    sent: sum("ipOut", (machine) => isTester(machine)) + (icmpErrors ?? 0),
    received: sum("ipIn", (machine) => isTarget.has(machine)),
    relayed: { in: sum("relay.in"), out: sum("relay.out") },
    probes: sum("probes"),
    icmpErrors,
    copies: sum("copies.path"),
    mostDamaged: damages.reduce(
      (total, [name, delta]) => total + delta + (name.startsWith("damage.") ? 4 * Math.sqrt(delta) : 0),
      0,
    ),
  };
}

/** Drops of packets on their way to the targets, by name. */
function droppedBy(all: readonly Counted[], isTarget: ReadonlySet<string>): Record<string, number> {
  const has = (wanted: RegExp) => all.some(({ deltas }) => deltas.some(([name]) => wanted.test(name)));
  const [proxied, answersDamaged] = [has(/^relay\./), has(/^damaged?\.net1$/)];
  /** The tester receives nothing else; routers do where damage is done between them and the targets. What a proxy drops has ended there. */
  const isOfAnswers = (machine: string, name: string) =>
    RECEIVING.has(name)
      ? isTester(machine) || proxied || answersDamaged
      : name === "drop.no_route" && answersDamaged && !isTester(machine);
  const dropped: Record<string, number> = {};
  for (const { machine, deltas } of all) {
    // A drop on a target comes after the packet was received there.
    if (isTarget.has(machine)) continue;
    for (const [name, delta] of deltas) {
      if (!name.startsWith("drop.") || delta <= 0 || isOfAnswers(machine, name)) continue;
      dropped[name.slice(5)] = (dropped[name.slice(5)] ?? 0) + delta;
    }
  }
  return dropped;
}

/** null where no router counts packets that go to user space. */
function userSpaceShare(events: readonly Event[]): Summary["userSpace"] | null {
  const sum = (wanted: string) =>
    counted(events)
      .flatMap(({ deltas }) => deltas)
      .reduce((total, [name, delta]) => total + (name === wanted ? delta : 0), 0);
  return counted(events).some(({ deltas }) => deltas.some(([name]) => name === "queued"))
    ? { packets: sum("balanced"), queued: sum("queued") }
    : null;
}

interface Counted {
  machine: string;
  deltas: [name: string, delta: number][];
}

/** What every counter of every machine grew by. */
export function counted(events: readonly Event[]): Counted[] {
  const counters = events.filter((e): e is EventOf<"counters"> => e.kind === "counters");
  const before = new Map(counters.filter((c) => c.moment === "before").map((c) => [c.machine, c.values]));
  return counters
    .filter((c) => c.moment === "after")
    .map(({ machine, values }) => ({
      machine,
      deltas: Object.entries(values).map(([name, value]) => [name, value - (before.get(machine)?.[name] ?? 0)]),
    }));
}
