// SPDX-License-Identifier: Apache-2.0
// What ./setup brings by which words, so that each gap is told with the command that closes it. A test runs the script and compares.

/** Debian's packages by the word that brings them, those without a word first. */
export const BROUGHT: Readonly<Record<string, readonly string[]>> = {
  "": ["conntrack", "iproute2", "ipvsadm", "iptables", "make", "gcc", "clang", "libbpf-dev", "nftables"],
  "--vm": ["qemu-system-x86", "mmdebstrap"],
  "--docker": ["docker.io", "mmdebstrap"],
  "--peers": ["haproxy", "nginx", "libnginx-mod-stream", "keepalived", "nftlb", "bird2", "conntrackd", "frr"],
  "--test": ["tcpdump", "chromium"],
};

/** "Run './setup --vm', or 'apt-get install qemu-system-x86'." `packages` may be several. */
export function howToGet(packages: string, also: Readonly<Record<string, string>> = {}): string {
  const names = packages.split(" ");
  const word = Object.keys(BROUGHT).find((one) => names.every((name) => BROUGHT[one]?.includes(name)));
  const command = word === undefined ? null : `./setup${word === "" ? "" : ` ${word}`}`;
  const apt = `'apt-get install ${packages}'`;
  return command === null ? `Run ${apt}.` : `Run '${command}'${also[word ?? ""] ?? ""}, or ${apt}.`;
}
