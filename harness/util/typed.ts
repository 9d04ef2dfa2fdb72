// SPDX-License-Identifier: Apache-2.0
// What people type. npm has put the program of a package into the PATH, and its setup lies in the package.
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const isPackage = root.includes("/node_modules/");

export const PROGRAM = isPackage ? "load-balancer" : "./load-balancer.ts";
export const SETUP = isPackage ? `${root}setup` : "./setup";
