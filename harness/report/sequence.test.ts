// SPDX-License-Identifier: Apache-2.0
// A made-up connection as a diagram: machines by role, the event by name, who dropped a packet.
import test from "ava";
import type { Story } from "../analysis/causes/index.ts";
import { sequenceMarkup } from "./sequence.ts";

const packet = { machine: "vm-221", net: "net2", t: 1e9, length: 54, data: Buffer.alloc(0) };
const syn = { flags: 2, seq: 1, ack: 0, payload: 0 };
const hop = { t: 1e9, from: "vm-221", to: "vm-201", net: "net2", isRequest: true, tcp: syn, icmp: null, packet };
const story: Story = {
  stream: "ipv4",
  id: "17.0",
  s: 3,
  src: "50.0.3.7",
  sport: 4711,
  dst: "10.0.0.0",
  dport: 5003,
  target: "vm-001",
  cause: "stalled",
  root: "dropped_by_router",
  sentence: "",
  event: 1,
  decisions: null,
  hops: [hop],
  drops: [{ ...packet, machine: "vm-201", what: "dropped", reason: "A<B", where: "nft_do_chain" }],
};
const events = [{ kind: "scale_in", machines: ["vm-001"], s: 2 }];

test("a diagram names roles, the event and the kernel's reason, and refers to nothing outside of it", (t) => {
  const svg = sequenceMarkup(story, { t0: 0, events });
  for (const text of ["tester", "router", "vm-001 leaves", "SYN", "vm-201 dropped it: A&lt;B in nft_do_chain"])
    t.true(svg.includes(`>${text}</text>`), `${text}: ${svg}`);
  t.notRegex(svg, /url\(|href|id=/);
  t.is(sequenceMarkup({ ...story, hops: [] }, { t0: 0, events }), "");
});
