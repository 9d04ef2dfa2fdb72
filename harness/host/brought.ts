// SPDX-License-Identifier: Apache-2.0
// What ./setup brings by which words, so that each gap is told with the command that closes it. A test runs the script and compares.
import { SETUP } from "../util/typed.ts";

/** Debian's packages by the word that brings them, those without a word first. */
export const BROUGHT: Readonly<Record<string, readonly string[]>> = {
  "": ["conntrack", "iproute2", "ipvsadm", "iptables", "make", "gcc", "clang", "libbpf-dev", "nftables"],
  "--vm": ["qemu-system-x86", "mmdebstrap"],
  "--docker": ["docker.io", "mmdebstrap"],
  "--peers": ["haproxy", "nginx", "libnginx-mod-stream", "keepalived", "nftlb", "bird2", "conntrackd", "frr"],
  "--dpdk": ["libdpdk-dev"],
  "--test": ["tcpdump", "chromium"],
};

/** "./setup --vm": what brings these packages. null: nothing of it does. */
export function setupFor(packages: readonly string[]): string | null {
  const word = Object.keys(BROUGHT).find((one) => packages.every((name) => BROUGHT[one]?.includes(name)));
  return word === undefined ? null : `${SETUP} ${word}`.trim();
}

/** "Run './setup --vm', or 'apt-get install qemu-system-x86'." `packages` may be several. */
export function howToGet(packages: string, also: Readonly<Record<string, string>> = {}): string {
  const command = setupFor(packages.split(" "));
  const apt = `'apt-get install ${packages}'`;
  return command === null ? `Run ${apt}.` : `Run '${command}'${also[command?.split(" ")[1] ?? ""] ?? ""}, or ${apt}.`;
}
