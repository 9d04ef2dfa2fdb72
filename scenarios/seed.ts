// SPDX-License-Identifier: Apache-2.0
import { access } from "node:fs/promises";

/** What is missing where it must be known which router a connection crosses. */
export async function seedIsSettable(): Promise<string[]> {
  const settable = await access("/proc/sys/net/ipv4/fib_multipath_hash_seed").then(
    () => true,
    () => false,
  );
  return settable
    ? []
    : [
        "Which router a connection crosses cannot be known: the seed of the multipath hash is not settable. Use Linux 6.11 or newer.",
      ];
}
