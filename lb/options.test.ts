// SPDX-License-Identifier: Apache-2.0
// Names of options: the same thing is called the same, and what it was called before goes on working.

import test from "ava";
import { UsageError } from "../harness/api/index.ts";
import { netns, parseBackendOptions } from "../harness/testing/lab.ts";
import { backends } from "./index.ts";
import { nfqueue, synOnly } from "./nfqueue/nfqueue.ts";

const named = (name: string) => backends.find((backend) => backend.name === name) ?? nfqueue;

for (const [name, before] of [
  ["nfqueue", "mode"],
  ["syn_only", "mode"],
  ["xdp", "hash"],
  ["xdp_user", "hash"],
  ["tc", "hash"],
] as const)
  test(`${name}: the option 'scheduler' may be called '${before}', and is listed by its name`, (t) => {
    const backend = named(name);
    t.is(parseBackendOptions(backend, [`${before}=modulo`]).scheduler, "modulo");
    t.is(parseBackendOptions(backend, ["scheduler=modulo"]).scheduler, "modulo");
    const error = t.throws(() => parseBackendOptions(backend, ["other=1"]), { instanceOf: UsageError });
    t.regex(error?.message ?? "", /It has: .*scheduler/);
    if (before === "hash") t.notRegex(error?.message ?? "", /hash,/);
  });

test("an alias and a name together are one option: the last word counts", (t) => {
  t.is(parseBackendOptions(nfqueue, ["mode=modulo", "scheduler=maglev"]).scheduler, "maglev");
});

test("syn_only is nfqueue with one option decided, which it does not have itself", async (t) => {
  const own = parseBackendOptions(synOnly, ["udp=true"]);
  const same = parseBackendOptions(nfqueue, ["udp=true", "synOnly=true"]);
  t.false("synOnly" in own);
  t.throws(() => parseBackendOptions(synOnly, ["synOnly=false"]), { message: /has no option 'synOnly'/ });
  t.deepEqual(synOnly.oracle(own, 10, "tcp"), nfqueue.oracle(same, 10, "tcp"));
  t.deepEqual(synOnly.effectiveOptions(own, 10), nfqueue.effectiveOptions(same, 10));
  t.deepEqual(await synOnly.missing(netns, own), await nfqueue.missing(netns, same));
  t.true(synOnly.tracks(own, 10) && nfqueue.tracks(same, 10) && !nfqueue.tracks({ ...same, synOnly: false }, 10));
  t.deepEqual(synOnly.environment?.({ xcluster_SYN_ONLY: "yes", xcluster_LB_OPTIONS: "-p -m modulo" }), {
    ports: "true",
    scheduler: "modulo",
  });
});

for (const backend of backends)
  test(`${backend.name}: names its tools with their packages, and each option says what it is`, (t) => {
    const options = backend.options.parse({});
    const { tools = [], programs = [] } = backend.requires(options);
    t.true(tools.length + programs.length > 0);
    for (const { name, package: debian, version } of tools) t.true(name !== "" && debian !== "" && version.length > 0);
    for (const [name, { description }] of Object.entries(backend.options.shape)) t.truthy(description, name);
    t.truthy(backend.effectiveOptions(options, 10));
  });
