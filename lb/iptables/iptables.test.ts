// SPDX-License-Identifier: Apache-2.0

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "ava";
import type { Summary } from "../../harness/testing/lab.ts";
import { runMain } from "../../harness/testing/machine.ts";

const scratch = mkdtempSync(path.join(tmpdir(), "load-balancer-iptables-"));
test.after.always(() => rmSync(scratch, { recursive: true, force: true }));

/** What these programs say on kernels that lack something. */
const lacking: [backend: string, tool: string, said: string][] = [
  [
    "iptables_statistic",
    "iptables-legacy-restore",
    "iptables-restore v1.8.9 (legacy): iptables-restore: unable to initialize table 'nat'",
  ],
  [
    "iptables_recent",
    "ip6tables-legacy-restore",
    "ip6tables-restore: line 7 failed: No chain/target/match by that name.",
  ],
  [
    "iptables_hmark",
    "ip6tables-nft-restore",
    "Warning: Extension HMARK revision 0 not supported, missing kernel module?",
  ],
];
for (const [i, [backend, tool, said]] of lacking.entries())
  test(`${backend} without what ${tool} needs is a skip that says so, and nothing is installed`, async (t) => {
    const dir = path.join(scratch, `${i}`);
    const out = path.join(dir, "results");
    mkdirSync(dir);
    // It refuses as the real one does; the other family's is the real one.
    writeFileSync(path.join(dir, tool), `#!/bin/sh\necho "${said}" >&2\nexit 2\n`, { mode: 0o755 });
    const variant = tool.includes("legacy") ? "legacy" : "nft";
    const words = ["test", backend, "--runtime", "netns", "--set", `variant=${variant}`, "--json", "--out", out];
    const env = { PATH: `${dir}:${process.env.PATH}` };
    const { status, stdout, stderr } = await runMain(words, { env });
    t.is(status, 77, stderr);
    const { verdict, reasons } = JSON.parse(stdout) as Summary;
    t.is(verdict, "skip");
    const reason = reasons.find((sentence) => sentence.includes(tool)) ?? "";
    t.true(reason.includes(said), reasons.join("\n"));
    t.regex(reason, variant === "legacy" ? / Or try '--set variant=nft'/ : /use another kernel/);
    const [run = ""] = readdirSync(out);
    t.deepEqual(
      readFileSync(path.join(out, run, "events.ndjson"), "utf8")
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { kind: string }).kind),
      ["skip", "end"],
    );
  });
