// SPDX-License-Identifier: Apache-2.0
// What a kernel lacks is said in a sentence each, and only to those who need it.
import test from "ava";
import { netns } from "../../harness/runtime/netns.ts";
import type { Host, Output, Runtime } from "../../harness/runtime/runtime.ts";
import { missingFor } from "../linux/probe.ts";
import { nfqueue, synOnly } from "./nfqueue.ts";

/** A runtime with another kernel, whose tools refuse every line that has one of these words. */
function without(...words: string[]): Runtime {
  const exec: Host["exec"] = async (argv, options) => {
    const refused = words.find((word) => `${argv.join(" ")}\n${String(options?.input)}`.includes(word));
    const stderr = refused ? `${refused}: not supported\n` : "";
    return { code: refused ? 1 : 0, signal: 0, userUs: 0, systemUs: 0, stdout: "", stderr } satisfies Output;
  };
  return { ...netns, name: "vm", router: { ...({ name: "vm-201", exec } as Host), program: String } };
}

test("a kernel with everything lacks nothing", async (t) => {
  t.deepEqual(await nfqueue.missing(without()), []);
  t.deepEqual(await synOnly.missing(without()), []);
});

for (const [word, sentence] of [
  ["CT --notrack", /^This kernel has no CT target, which leaves packets untracked, in iptables-restore.*Load xt_CT/],
  ["CONNMARK", /^This kernel has no CONNMARK target.*Load xt_connmark/],
  ["conntrack -C", /^This kernel has no conntrack entries that user space can make.*Load nf_conntrack_netlink/],
] as const)
  test(`without '${word}' SYN-only is skipped with that reason, and nfqueue runs`, async (t) => {
    const runtime = without(word);
    const [first, ...more] = await synOnly.missing(runtime);
    t.regex(first ?? "", sentence);
    t.true(more.length <= 1, "one for each tool");
    t.deepEqual(await nfqueue.missing(runtime), []);
    t.deepEqual(await nfqueue.missing(runtime, nfqueue.options.parse({ synOnly: "true" })), [first, ...more]);
  });

for (const [word, sentence] of [
  ["tuntap", /^This kernel has no tun device that may be opened \(tuntap: not supported\)\. Run 'modprobe tun'/],
  ["frag-off", /^This kernel has no notrack or fragment match in nftables/],
] as const)
  test(`without '${word}' only what keeps fragments together is skipped`, async (t) => {
    const runtime = without(word);
    t.deepEqual(await nfqueue.missing(runtime), []);
    const gaps = await nfqueue.missing(runtime, nfqueue.options.parse({ fragments: "true" }));
    t.is(gaps.length, 1);
    t.regex(gaps[0] ?? "", sentence);
  });

test("without queues nothing of it runs", async (t) => {
  const gaps = await nfqueue.missing(without("NFQUEUE"));
  t.is(gaps.length, 2);
  t.true(gaps.every((gap) => gap.startsWith("This kernel has no ")));
});

test("containers on this machine's kernel are told what it lacks; those of another engine find out by themselves", async (t) => {
  const refused = [{ what: "such thing", argv: ["false"], input: "", remedy: "Load it." }];
  const on = (own: boolean): Runtime => ({ ...netns, name: "docker", hasThisKernel: async () => own });
  t.deepEqual(await missingFor(on(true), [], refused), ["This kernel has no such thing. Load it."]);
  t.deepEqual(await missingFor(on(false), [], refused), []);
});
