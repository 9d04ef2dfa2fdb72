// SPDX-License-Identifier: Apache-2.0
// What a kernel lacks is said in a sentence each, and only to those who need it.

import test from "ava";
import type { Backend, Host, Output } from "../../harness/api/index.ts";
import { missingOf, netns, type Place } from "../../harness/testing/lab.ts";
import { nfqueue, synOnly } from "./nfqueue.ts";

/** A place with another kernel, whose tools refuse every line that has one of these words. */
function without(...words: string[]): Place {
  const exec: Host["exec"] = async (argv, options) => {
    const refused = words.find((word) => `${argv.join(" ")}\n${String(options?.input)}`.includes(word));
    const stderr = refused ? `${refused}: not supported\n` : "";
    return { code: refused ? 1 : 0, signal: 0, userUs: 0, systemUs: 0, stdout: "", stderr } satisfies Output;
  };
  return {
    traits: { ...netns.traits, kernel: "chosen" },
    router: { ...({ name: "vm-201", exec } as Host), program: String },
  };
}

/** What is missing with the defaults, and with these words. */
const gapsOf = (backend: Backend, place: Place, words: Record<string, string> = {}) =>
  backend.missing(place, backend.options.parse(words));

test("a kernel with everything lacks nothing", async (t) => {
  t.deepEqual(await gapsOf(nfqueue, without()), []);
  t.deepEqual(await gapsOf(synOnly, without()), []);
});

for (const [word, sentence] of [
  [
    "CT --notrack",
    /^This kernel has no CT target, which leaves packets untracked, in iptables-restore.*Run 'modprobe -a ipt_CT' as root/,
  ],
  ["CONNMARK", /^This kernel has no CONNMARK target.*Run 'modprobe -a ipt_CONNMARK ipt_connmark' as root/],
  [
    "conntrack -C",
    /^This kernel has no conntrack entries that user space can make.*Run 'modprobe -a nf_conntrack_netlink' as root/,
  ],
] as const)
  test(`without '${word}' SYN-only is skipped with that reason, and nfqueue runs`, async (t) => {
    const place = without(word);
    const [first, ...more] = await gapsOf(synOnly, place);
    t.regex(first ?? "", sentence);
    t.true(more.length <= 1, "one for each tool");
    t.deepEqual(await gapsOf(nfqueue, place), []);
    t.deepEqual(await gapsOf(nfqueue, place, { synOnly: "true" }), [first, ...more]);
  });

for (const [word, sentence] of [
  [
    "tuntap",
    /^This kernel has no tun device that may be opened \(tuntap: not supported\)\. Run 'modprobe -a tun' as root/,
  ],
  ["frag-off", /^This kernel has no notrack or fragment match in nftables/],
] as const)
  test(`without '${word}' only what keeps fragments together is skipped`, async (t) => {
    const place = without(word);
    t.deepEqual(await gapsOf(nfqueue, place), []);
    const gaps = await gapsOf(nfqueue, place, { fragments: "true" });
    t.is(gaps.length, 1);
    t.regex(gaps[0] ?? "", sentence);
  });

test("without a REJECT target only its refusals are skipped", async (t) => {
  const place = without("REJECT");
  t.deepEqual(await gapsOf(nfqueue, place, { noTargets: "unreachable" }), []);
  const gaps = await gapsOf(nfqueue, place, { noTargets: "refuse" });
  t.is(gaps.length, 2, "one for each tool");
  t.regex(
    gaps[0] ?? "",
    /^This kernel has no REJECT target in iptables-restore.*Run 'modprobe -a ipt_mark ipt_REJECT' as root/,
  );
});

test("without queues nothing of it runs", async (t) => {
  const gaps = await gapsOf(nfqueue, without("NFQUEUE"));
  t.is(gaps.length, 2);
  t.true(gaps.every((gap) => gap.startsWith("This kernel has no ")));
});

test("containers on this machine's kernel are told what it lacks; those of another engine find out by themselves", async (t) => {
  const kernel = [{ what: "such thing", argv: ["false"], input: "", remedy: "Load it." }];
  const on = (where: "this" | "elsewhere") => ({ traits: { ...netns.traits, kernel: where, toolsAreHosts: false } });
  t.deepEqual(await missingOf({ kernel }, on("this")), ["This kernel has no such thing. Load it."]);
  t.deepEqual(await missingOf({ kernel }, on("elsewhere")), []);
});

test("a device file that is asked for must be on this machine; capabilities, in the routers", async (t) => {
  const bare = { traits: { ...netns.traits, deviceFiles: "on request", privileges: ["NET_RAW"] } } as const;
  const devices = [{ file: "/dev/nowhere", remedy: "Make it." }];
  t.deepEqual(await missingOf({ devices }, bare), ["This machine has no /dev/nowhere for the routers. Make it."]);
  t.deepEqual(await missingOf({ devices }, { traits: { ...bare.traits, deviceFiles: "all" } }), []);
  const capabilities = { names: ["SYS_ADMIN"], to: "load BPF programs" };
  t.regex((await missingOf({ capabilities }, bare))[0] ?? "", /needs CAP_SYS_ADMIN.*Try '--capability SYS_ADMIN'/);
  const user = { traits: { ...bare.traits, privileges: "user namespace" } } as const;
  t.regex((await missingOf({ capabilities }, user))[0] ?? "", /^Only root may load BPF programs: .*Run as root/);
  t.deepEqual(await missingOf({ capabilities }, { traits: { ...bare.traits, privileges: "all" } }), []);
});
