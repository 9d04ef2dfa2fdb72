// SPDX-License-Identifier: Apache-2.0
// Programs of others that tell who is alive: ./setup --peers unpacks them, and no service starts.
import type { Program } from "../api/requirements.ts";

export const BIRD: Program = { name: "bird", from: { packages: "bird2", version: ["--version"] } };
export const BIRDCL: Program = { name: "birdcl", from: { packages: "bird2", version: ["--version"] } };
const ofFrr = (name: string): Program => ({ name, from: { packages: "frr", version: ["--version"] } });
/** In the order in which they are started: who owns the kernel's routes first. */
export const FRR: readonly Program[] = ["zebra", "bfdd", "bgpd"].map(ofFrr);
export const CONNTRACKD: Program = { name: "conntrackd", from: { packages: "conntrackd", version: ["-v"] } };
export const KEEPALIVED: Program = { name: "keepalived", from: { packages: "keepalived", version: ["--version"] } };
