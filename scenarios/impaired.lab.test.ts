// SPDX-License-Identifier: Apache-2.0
// A link that loses, delays, doubles and damages packets by a program of ours: everything is accounted for, and a balancer that drops is found.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import { runCase } from "../harness/testing/run-case.ts";

const out = mkdtempSync(path.join(tmpdir(), "impaired-"));
test.after.always(() => rmSync(out, { recursive: true, force: true }));

const LOAD = ["--targets", "6", "--scale", "1", "--connections", "200", "--at", "3", "--duration", "5"];
// So that the program is used where the kernel has netem, too, something is sent twice.
const FAULTS = "--duplicate 3% --delay 5ms --reorder 20%".split(" ");

// A UDP client whose last message is lost is silent at the end, which would be no result.
for (const [protocol, link, more] of [
  ["tcp", "vm-221/net2", ["--loss", "1%", "--corrupt", "1%"]],
  ["udp", "vm-201/net1", []],
] as const)
  test.serial(`each packet of a bad link ${link} is accounted for over ${protocol}`, async (t) => {
    const words = [...LOAD, ...FAULTS, ...more, "--rate", "800", "--link", link, "--protocol", protocol];
    const { summary } = await runCase(t, "nfqueue_scale_in", words, { out: path.join(out, protocol) });
    const { verdict, reasons, events, packets } = summary;
    t.is(verdict, "pass", reasons.join("\n"));
    t.is(events[0]?.mispredicted, 0);
    t.is(packets.unaccounted + (packets.duplicated ?? 0), 0);
    const { received = 0, lost = 0, copied = 0, damaged = 0, ahead = 0, overrun } = packets.path ?? {};
    t.true(received > 4000 && copied > received / 50, reasons.join());
    const bad = protocol === "tcp" ? received / 200 : -1;
    t.true(lost > bad && damaged > bad, reasons.join());
    t.true(ahead > received / 10);
    t.is(overrun, 0);
  });

test.serial(
  "with jumbo frames on all links a large message is one packet, also through a program in the link",
  async (t) => {
    const words = [
      ...LOAD,
      "--rate",
      "400",
      "--mtu",
      "9000",
      "--size",
      "8000",
      "--duplicate",
      "1%",
      "--protocol",
      "udp",
    ];
    const { summary } = await runCase(t, "nfqueue_scale_in", words, { out: path.join(out, "jumbo") });
    const { verdict, reasons, packets, generator } = summary;
    t.is(verdict, "pass", reasons.join("\n"));
    // In frames of 1500 bytes each would be six fragments.
    t.true(packets.sent < 1.2 * generator.sends, `${packets.sent} packets for ${generator.sends} messages`);
  },
);

test.serial("a balancer that drops packets is found behind a link that doubles some", async (t) => {
  const words = [...LOAD, "--rate", "800", "--duplicate", "5%", "--backend", path.resolve("lb/broken/drops.ts")];
  const { summary } = await runCase(t, "broken-drops_scale_in", words, { out: path.join(out, "drops") });
  t.is(summary.verdict, "fail");
  t.regex(summary.reasons.join("\n"), /packets are unaccounted for: something drops them on their way to the targets/);
});
