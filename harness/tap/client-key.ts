// SPDX-License-Identifier: Apache-2.0
// How packets are known to be a connection's: by the client's end, whatever a balancer makes of the other one.
import { addressBytes } from "../oracle/hash.ts";
import { clientNetworks } from "../topology/topology.ts";
import type { Ends } from "./frame.ts";

const NETWORKS = clientNetworks().map((cidr) => {
  const [address = "", bits = "0"] = cidr.split("/");
  return { address: addressBytes(address), bytes: (Number(bits) + (address.includes(":") ? 0 : 96)) / 8 };
});

const isClient = (address: Uint8Array): boolean =>
  NETWORKS.some(({ address: network, bytes }) => {
    for (let i = 0; i < bytes; i++) if (address[i] !== network[i]) return false;
    return true;
  });

export const clientKey = (address: Uint8Array, port: number, protocol: number): string =>
  `${Buffer.from(address).toString("hex")}:${port}/${protocol}`;

/** The client's end of a packet. */
export interface Client {
  key: string;
  address: Uint8Array;
  port: number;
  isSource: boolean;
}

/** null: no client has a part in it. */
export function clientOf({ src, dst, sport, dport, protocol }: Ends): Client | null {
  const at = (address: Uint8Array, port: number, isSource: boolean) => ({
    key: clientKey(address, port, protocol),
    address,
    port,
    isSource,
  });
  return isClient(src) ? at(src, sport, true) : isClient(dst) ? at(dst, dport, false) : null;
}
