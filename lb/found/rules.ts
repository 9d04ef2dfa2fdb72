// SPDX-License-Identifier: Apache-2.0
// A dump of rules, whatever their language is.
import type { Protocol } from "../../harness/api/index.ts";

export interface Wanted {
  vip: string;
  protocol: Protocol;
  /** The targets, as they stand in the file. */
  hosts: readonly string[];
}

export interface Rules {
  /** Port of the VIP (null: any) and of targets that have another one. null: the VIP has no rule for the protocol. */
  portFor(wanted: Wanted): { vip: number | null; targets: ReadonlyMap<string, number> } | null;
  /** Conntrack remembers each choice. */
  choosesByDnat: boolean;
  /** Why targets cannot be taken out one by one; null: they can. */
  unclear(hosts: readonly string[]): string | null;
  /** The text without the rules that choose the targets `out`, the others sharing what these had. Lines stay where they are. */
  without(hosts: readonly string[], out: readonly string[]): string;
}
