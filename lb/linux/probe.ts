// SPDX-License-Identifier: Apache-2.0
import { runProgram } from "../../harness/host/program.ts";
import { findTool } from "../../harness/host/tools.ts";
import type { Host, Runtime } from "../../harness/runtime/runtime.ts";

/** A thing that a backend needs and how to try it: a program that is run in a network namespace of its own, with this input. */
export interface Need {
  what: string;
  argv: readonly string[];
  input: string;
  remedy: string;
}

/** Debian packages by tool. */
const PACKAGES = {
  ip: "iproute2",
  "iptables-restore": "iptables",
  "ip6tables-restore": "iptables",
  "iptables-nft-restore": "iptables",
  "ip6tables-nft-restore": "iptables",
  "iptables-legacy-restore": "iptables",
  "ip6tables-legacy-restore": "iptables",
  nft: "nftables",
  conntrack: "conntrack",
  ipvsadm: "ipvsadm",
} as const;
export type Tool = keyof typeof PACKAGES;

const NOTHING: Need = { what: "namespaces for everybody", argv: ["true"], input: "", remedy: "" };

/** What is missing: tools first, as without them nothing can be tried. A machine of another runtime has tools of its own. */
export async function missingFor(runtime: Runtime, tools: readonly Tool[], needs: readonly Need[]): Promise<string[]> {
  const sentences = (list: (string | null)[]) => list.filter((sentence) => sentence !== null);
  const { router } = runtime;
  if (router) return sentences(await Promise.all(needs.map((need) => attemptIn(router, need))));
  const gaps = sentences(await Promise.all(tools.map((tool) => findTool(tool, PACKAGES[tool]))));
  if (runtime.name !== "netns") {
    // The tools are in its images; its kernel is asked with this machine's where that can be done, else by the run itself.
    const canAsk = (await runtime.hasThisKernel?.()) && gaps.length === 0 && (await attempt(NOTHING)) === null;
    if (!canAsk) return [];
  }
  return gaps.length > 0 ? gaps : sentences(await Promise.all(needs.map(attempt)));
}

function lacking({ what, remedy }: Pick<Need, "what" | "remedy">, stderr: string): string {
  const said = stderr.trim().split("\n")[0] ?? "";
  return `This kernel has no ${what}${said ? ` (${said})` : ""}. ${remedy}`;
}

/** In a machine whose kernel is another than this machine's. */
async function attemptIn(router: Host, need: Need): Promise<string | null> {
  const { code, stderr } = await router.exec(["unshare", "--net", ...need.argv], { input: need.input, check: false });
  return code === 0 ? null : lacking(need, stderr);
}

/** The namespace ends with the program: nothing stays. */
async function attempt({ what, argv, input, remedy }: Need): Promise<string | null> {
  const words = ["unshare", "--user", "--map-root-user", "--net", ...argv];
  const { code, stderr } = await runProgram(words, { input, timeoutMs: 5000, check: false }).catch((error: Error) => ({
    code: null,
    stderr: error.message,
  }));
  return code === 0 ? null : lacking({ what, remedy }, stderr);
}
