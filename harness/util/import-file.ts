// SPDX-License-Identifier: Apache-2.0
import { pathToFileURL } from "node:url";

/** The default export of a user's file, JavaScript or TypeScript. */
export async function importDefault(file: string): Promise<unknown> {
  // The compiled program runs without the loader of TypeScript.
  if (!process.execArgv.some((word) => word.includes("tsx"))) (await import("tsx/esm/api")).register();
  const module = (await import(pathToFileURL(file).href)) as { default?: { default?: unknown } };
  // In a folder whose package.json does not say "module" the default is one level deeper.
  return module.default?.default ?? module.default;
}
