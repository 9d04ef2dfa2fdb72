// SPDX-License-Identifier: Apache-2.0
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path";
import { howToGet } from "./brought.ts";

/** Ordinary users have no sbin in their PATH; the agent looks there too. */
const SBIN = process.env.LOAD_BALANCER_SBIN?.split(":") ?? ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** PATH without npm's own folders: a package that a test runner brings along has a program called 'nft' too. */
export function systemPath(): string {
  return (process.env.PATH ?? "")
    .split(":")
    .filter((dir) => !dir.includes("node_modules"))
    .join(":");
}

/** Where programs of this machine are looked for. */
export function toolPath(): string {
  return [...systemPath().split(":"), ...SBIN].filter((dir) => dir !== "").join(":");
}

/** null when the tool is there, else a sentence that says how to get it. */
export async function findTool(tool: string, debianPackage: string): Promise<string | null> {
  for (const dir of toolPath().split(":")) {
    const found = await access(path.join(dir, tool), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return null;
  }
  return `'${tool}' is not installed. ${howToGet(debianPackage)}`;
}
