// SPDX-License-Identifier: Apache-2.0
// What a probe finds missing in the kernel, brought by a command.
import type { IpFamily } from "./network.ts";

/** "Run 'modprobe -a ip_vs ip_vs_rr' as root, or use another kernel: '--runtime vm'." */
export const modprobe = (...modules: readonly string[]): string =>
  `Run 'modprobe -a ${modules.join(" ")}' as root, or use another kernel: '--runtime vm'.`;

/** What every kernel with iptables has in the core of it. */
const VERDICTS = ["ACCEPT", "DROP", "RETURN", "QUEUE"];

/** Modules of the matches and targets of rules for iptables-restore, by the names that the kernel itself asks for. */
export function ruleModules(family: IpFamily, rules: string): string[] {
  const chains = [...rules.matchAll(/^(?::|-N )(\S+)/gm)].map(([, name]) => name);
  const used = [...rules.matchAll(/ -[mj] (\S+)/g)].map(([, name]) => name);
  return [...new Set(used)]
    .filter((name) => name !== undefined && !VERDICTS.includes(name) && !chains.includes(name))
    .map((name) => `ip${family === 6 ? "6" : ""}t_${name}`);
}
