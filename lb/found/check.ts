// SPDX-License-Identifier: Apache-2.0
// What the tools themselves say of somebody's rules, before anything is started.
import { OWN_NETWORK, planTopology, UsageError } from "../../harness/api/index.ts";
import type { RulesDump } from "./dump.ts";
import { checkText } from "./program.ts";

/** What the kernel lacks, a sentence each. Throws UsageError for what is wrong in the file. */
export async function checkRules(dump: RulesDump, isHere: boolean): Promise<string[]> {
  const topology = planTopology({ targets: 1000, routers: 1 });
  const [router] = topology.routers;
  if (!isHere || !router) return [];
  const text = dump.text({ topology, router }, []);
  const restore = dump.family === 6 ? "ip6tables-restore" : "iptables-restore";
  const argv = dump.format === "nft" ? ["nft", "-c", "-f"] : ["env", "XTABLES_LOCKFILE=/dev/null", restore];
  const words = await checkText(text, (file) => [...OWN_NETWORK, ...argv, file], {});
  const lines = words.split("\n").filter((line) => line !== "" && !/^# Warning|^Warning/.test(line));
  const at = /:(\d+):\d+-\d+: Error: (.*)|line:? (\d+)/.exec(words);
  if (lines.length === 0 || !at) return [];
  const line = at[1] ?? at[3];
  const sentence = at[2] ?? lines[0]?.replace(/^ip6?tables-restore[^:]*: /, "");
  const lacks =
    /Could not process rule|RULE_APPEND failed|CHAIN_\w+ failed|line \d+ failed|No chain\/target\/match/.test(words);
  if (lacks)
    return [
      `This kernel does not take line ${line} of '${dump.file}' (${sentence}). Load its module by 'modprobe' as root, or use another kernel: '--runtime vm'.`,
    ];
  throw new UsageError(`'${dump.file}' line ${line}: ${dump.format === "nft" ? "nft" : restore} says: ${sentence}.`);
}
