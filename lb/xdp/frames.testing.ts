// SPDX-License-Identifier: Apache-2.0
// Ethernet frames, each with what must be done with it: written from the definitions in README.md and ../common/README.md.
import { addressBytes } from "../../harness/api/index.ts";
import { type Flow, PROTOCOL } from "../../harness/testing/lab.ts";

export const OWN_MAC = "020000000001";
export const EGRESS_MAC = "020000000002";
const OTHER_MAC = "aabbccddeeff";

/** `flow` is what the target is chosen by; absent: the frame gets none. */
export interface Fixture {
  name: string;
  frame: string;
  verdict: "pass" | "drop" | "forward";
  counter: string;
  flow?: Flow & { portsHashed: boolean };
}

const hex = (n: number, bytes: number) => n.toString(16).padStart(bytes * 2, "0");
const size = (text: string) => text.length / 2;
const address = (text: string) => Buffer.from(addressBytes(text)).toString("hex");

export const ethernet = (type: number, payload: string, to = OWN_MAC) => `${to}${OTHER_MAC}${hex(type, 2)}${payload}`;

interface Header {
  protocol: number;
  src?: string;
  dst?: string;
  ttl?: number;
  fragment?: number;
  options?: string;
  length?: number;
}

/** With a right checksum, so that it can be checked in what comes out. */
function ip4(header: Header, payload: string): string {
  const { protocol, src = "50.0.0.1", dst = "10.0.0.0", ttl = 64, fragment = 0, options = "" } = header;
  const first = hex(0x45 + size(options) / 4, 1);
  const length = header.length ?? 20 + size(options) + size(payload);
  const begin = `${first}00${hex(length, 2)}0001${hex(fragment, 2)}${hex(ttl, 1)}${hex(protocol, 1)}`;
  const end = `${address(src).slice(24)}${address(dst).slice(24)}${options}`;
  return `${begin}${hex(checksum(`${begin}0000${end}`), 2)}${end}${payload}`;
}

export function checksum(header: string): number {
  let sum = 0;
  for (let i = 0; i < header.length; i += 4) sum += Number.parseInt(header.slice(i, i + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

function ip6(header: Header, payload: string): string {
  const { protocol, src = "2000::1", dst = "1000::", ttl = 64 } = header;
  const length = header.length ?? size(payload);
  return `60000000${hex(length, 2)}${hex(protocol, 1)}${hex(ttl, 1)}${address(src)}${address(dst)}${payload}`;
}

const PORTS = "30391389";
const SWAPPED = "13893039";
const tcp = `${PORTS}00000000000000005010ffff00000000`;
const udp = `${PORTS}00080000`;
const echo = (type: number) => `${hex(type, 1)}00000012340001`;
const error = (type: number, quoted: string) => `${hex(type, 1)}00000000000000${quoted}`;

const families = [
  { v: 4, type: 0x0800, ip: ip4, src: "50.0.0.1", dst: "10.0.0.0", icmp: PROTOCOL.icmp, echoes: [8, 0] },
  { v: 6, type: 0x86dd, ip: ip6, src: "2000::1", dst: "1000::", icmp: PROTOCOL.icmpv6, echoes: [128, 129] },
] as const;

type Made = Omit<Fixture, "verdict" | "counter">;
const forward = (counter: string, made: Made): Fixture => ({ ...made, verdict: "forward", counter });
const pass = (counter: string, name: string, frame: string): Fixture => ({ name, frame, verdict: "pass", counter });
const drop = (name: string, frame: string): Fixture => ({ name, frame, verdict: "drop", counter: "malformed" });

function ofFamily({ v, type, ip, src, dst, icmp, echoes }: (typeof families)[number]): Fixture[] {
  const name = (text: string) => `IPv${v}: ${text}`;
  const wire = (header: Header, payload: string) => ethernet(type, ip(header, payload));
  const ends = { src: addressBytes(src), dst: addressBytes(dst) };
  const flow = (protocol: number, sport = 12_345, dport = 5001) => ({
    ...ends,
    sport,
    dport,
    protocol,
    portsHashed: true,
  });
  const addresses = { ...ends, sport: 0, dport: 0, protocol: 0, portsHashed: false };
  const flows = (text: string, protocol: number, frame: string) =>
    forward("flows", { name: name(text), frame, flow: flow(protocol) });
  const back = { src: dst, dst: src };
  const quote = (header: Header, payload: string) => ip({ ...back, ...header }, payload);
  const errors: [string, string, Fixture["flow"]][] = [
    ["an error about TCP", quote({ protocol: 6, length: 1400 }, `${SWAPPED}00000000`), flow(6)],
    ["an error about UDP", quote({ protocol: 17 }, `${SWAPPED}00080000`), flow(17)],
    ["an error about an echo reply", quote({ protocol: icmp }, echo(echoes[1])), flow(icmp, 0x1234, 0)],
    ["an error about GRE", quote({ protocol: 47 }, "0000000000000000"), flow(47, 0, 0)],
  ];
  return [
    flows("TCP", 6, wire({ protocol: 6 }, tcp)),
    flows("UDP", 17, wire({ protocol: 17 }, udp)),
    flows("SCTP", 132, wire({ protocol: 132 }, `${PORTS}0000000000000000`)),
    flows("DCCP", 33, wire({ protocol: 33 }, `${PORTS}0000000000000000`)),
    flows("UDP-Lite", 136, wire({ protocol: 136 }, udp)),
    flows("padding after the packet", 17, `${wire({ protocol: 17 }, udp)}ffffffffffff`),
    flows("the last hop but one", 6, wire({ protocol: 6, ttl: 2 }, tcp)),
    flows("all hops left", 6, wire({ protocol: 6, ttl: 255 }, tcp)),
    forward("other_protocol", { name: name("GRE"), frame: wire({ protocol: 47 }, "00000000"), flow: flow(47, 0, 0) }),
    forward("other_protocol", { name: name("ESP"), frame: wire({ protocol: 50 }, "00000000"), flow: flow(50, 0, 0) }),
    forward("other_protocol", {
      name: name("an unknown protocol"),
      frame: wire({ protocol: 253 }, "00000000"),
      flow: flow(253, 0, 0),
    }),
    forward("icmp_echo", {
      name: name("an echo request"),
      frame: wire({ protocol: icmp }, echo(echoes[0])),
      flow: flow(icmp, 0x1234, 0),
    }),
    pass("unmatched", name("an echo reply"), wire({ protocol: icmp }, echo(echoes[1]))),
    ...errors.map(([text, quoted, about]) =>
      forward("icmp_errors", {
        name: name(text),
        frame: wire({ protocol: icmp, src: v === 4 ? "192.168.9.9" : "fd00::9" }, error(v === 4 ? 3 : 2, quoted)),
        ...(about ? { flow: about } : {}),
      }),
    ),
    ...refused({ v, type, ip, dst, src, icmp }, wire),
    ...fragments(v, wire).map(([text, frame]) => forward("fragments", { name: name(text), frame, flow: addresses })),
  ];
}

/** What is dropped as malformed, and what is none of the balancer's. */
function refused(
  { v, type, ip, src, dst, icmp }: Omit<(typeof families)[number], "echoes">,
  wire: (header: Header, payload: string) => string,
): Fixture[] {
  const name = (text: string) => `IPv${v}: ${text}`;
  const back = { src: dst, dst: src };
  return [
    drop(name("an error that quotes nothing"), wire({ protocol: icmp }, error(v === 4 ? 3 : 2, ""))),
    drop(
      name("an error that quotes another IP version"),
      wire(
        { protocol: icmp },
        error(v === 4 ? 3 : 2, v === 4 ? ip6({ protocol: 17 }, udp) : ip4({ protocol: 17 }, udp)),
      ),
    ),
    drop(name("half an ICMP header"), wire({ protocol: icmp }, "08000000")),
    drop(name("half a port"), wire({ protocol: 17 }, "30")),
    drop(name("a length beyond the frame"), wire({ protocol: 6, length: 1000 }, tcp)),
    drop(name("another version inside"), ethernet(type, `${v === 4 ? "6" : "4"}${ip({ protocol: 6 }, tcp).slice(1)}`)),
    pass("ttl_expired", name("the last hop"), wire({ protocol: 6, ttl: 1 }, tcp)),
    pass("ttl_expired", name("no hop left"), wire({ protocol: 6, ttl: 0 }, tcp)),
    pass("not_vip", name("not the VIP"), wire({ protocol: 6, dst: v === 4 ? "10.0.0.1" : "1000::1" }, tcp)),
    pass("not_vip", name("from the VIP"), wire({ protocol: 6, ...back }, tcp)),
    pass("not_ours", name("to another MAC"), ethernet(type, ip({ protocol: 6 }, tcp), "020000000009")),
    pass("not_ours", name("broadcast"), ethernet(type, ip({ protocol: 6 }, tcp), "ffffffffffff")),
    pass("vlan", name("a VLAN tag"), ethernet(0x8100, `0007${hex(type, 2)}${ip({ protocol: 6 }, tcp)}`)),
    pass("vlan", name("two VLAN tags"), ethernet(0x88a8, `00078100000${v}${hex(type, 2)}${ip({ protocol: 6 }, tcp)}`)),
  ];
}

function fragments(v: 4 | 6, wire: (header: Header, payload: string) => string): [string, string][] {
  const header = (next: number, offset: number) => `${hex(next, 1)}00${hex(offset, 2)}00000001`;
  if (v === 4)
    return [
      ["the first fragment", wire({ protocol: 17, fragment: 0x2000 }, udp)],
      ["a fragment in the middle", wire({ protocol: 17, fragment: 0x2001 }, "0000000000000000")],
      ["the last fragment", wire({ protocol: 17, fragment: 0x0001 }, "0000000000000000")],
      ["a fragment of ICMP", wire({ protocol: 1, fragment: 0x2000 }, echo(8))],
    ];
  return [
    ["the first fragment", wire({ protocol: 44 }, `${header(17, 1)}${udp}`)],
    ["a fragment in the middle", wire({ protocol: 44 }, `${header(17, 9)}0000000000000000`)],
    ["the last fragment", wire({ protocol: 44 }, `${header(17, 8)}0000000000000000`)],
    ["a fragment whose next header is a fragment", wire({ protocol: 44 }, `${header(44, 1)}${udp}`)],
  ];
}

const extension = (next: number) => `${hex(next, 1)}00010400000000`;
const flow6 = {
  src: addressBytes("2000::1"),
  dst: addressBytes("1000::"),
  sport: 12_345,
  dport: 5001,
  protocol: 17,
  portsHashed: true,
};
const chain = (n: number) =>
  ethernet(0x86dd, ip6({ protocol: 60 }, `${extension(60).repeat(n - 1)}${extension(17)}${udp}`));

const ofOneFamily: Fixture[] = [
  ...[4, 40].map((bytes) =>
    forward("flows", {
      name: `IPv4: ${bytes} bytes of options`,
      frame: ethernet(0x0800, ip4({ protocol: 17, options: "01".repeat(bytes) }, udp)),
      flow: { ...flow6, src: addressBytes("50.0.0.1"), dst: addressBytes("10.0.0.0") },
    }),
  ),
  drop("IPv4: a header length below 20", ethernet(0x0800, `44${ip4({ protocol: 6 }, tcp).slice(2)}`)),
  drop("IPv4: options beyond the frame", ethernet(0x0800, `4f${ip4({ protocol: 6 }, "").slice(2)}`)),
  drop("IPv4: a length below the header", ethernet(0x0800, ip4({ protocol: 6, length: 19 }, tcp))),
  ...[0, 43, 60, 135, 139, 140].map((type) =>
    forward("flows", {
      name: `IPv6: extension header ${type}`,
      frame: ethernet(0x86dd, ip6({ protocol: type }, `${extension(17)}${udp}`)),
      flow: flow6,
    }),
  ),
  forward("flows", {
    name: "IPv6: an authentication header",
    frame: ethernet(0x86dd, ip6({ protocol: 51 }, `110100000000000000000000${udp}`)),
    flow: flow6,
  }),
  forward("flows", {
    name: "IPv6: an atomic fragment",
    frame: ethernet(0x86dd, ip6({ protocol: 44 }, `1100000000000001${udp}`)),
    flow: flow6,
  }),
  forward("flows", { name: "IPv6: 16 extension headers", frame: chain(16), flow: flow6 }),
  drop("IPv6: 17 extension headers", chain(17)),
  drop(
    "IPv6: an extension header beyond the packet",
    ethernet(0x86dd, ip6({ protocol: 60 }, `11ff010400000000${udp}`)),
  ),
  forward("other_protocol", {
    name: "IPv6: no next header",
    frame: ethernet(0x86dd, ip6({ protocol: 59 }, "")),
    flow: { ...flow6, protocol: 59, sport: 0, dport: 0 },
  }),
  pass("unmatched", "IPv6: a neighbour solicitation", ethernet(0x86dd, ip6({ protocol: 58 }, `87${"00".repeat(23)}`))),
  pass("not_ip", "ARP", ethernet(0x0806, "0001080006040001".padEnd(56, "0"))),
  pass("not_ip", "LLDP", ethernet(0x88cc, "02070400".padEnd(56, "0"))),
];

/** Every beginning of a whole packet, from so many bytes on. */
function beginnings(least: number): Fixture[] {
  return families.flatMap(({ v, type, ip }) => {
    const whole = ethernet(type, ip({ protocol: 6 }, tcp));
    const header = 14 + (v === 4 ? 20 : 40);
    return Array.from({ length: size(whole) - least }, (_, i): Fixture => {
      const length = least + i;
      const name = `IPv${v}: the first ${length} bytes of TCP`;
      const frame = whole.slice(0, 2 * length);
      // Until the header is whole nobody can tell whether it is for the VIP; from then on its length is wrong.
      if (length >= header) return drop(name, frame);
      return pass(length < 14 ? "not_ip" : "not_vip", name, frame);
    });
  });
}

export const fixtures: readonly Fixture[] = [...families.flatMap(ofFamily), ...ofOneFamily];
export const cutShort = beginnings;
