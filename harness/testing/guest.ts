// SPDX-License-Identifier: Apache-2.0
// Tests that need a guest.
import test, { type ExecutionContext } from "ava";
import type { Parts } from "../runtime/vm/machine.ts";
import { missingVm } from "../runtime/vm/missing.ts";
import { prepareParts } from "../runtime/vm/up.ts";
import { isSkipped } from "./skip.ts";

export const KERNEL = "debian:6.1";

let prepared: Promise<Parts | string> | undefined;

/** Or why there can be none here. */
async function prepare(): Promise<Parts | string> {
  const missing = await missingVm();
  if (missing.length > 0) return missing.join(" ");
  return await prepareParts(KERNEL, {}, () => {}).catch((error: Error) => error.message);
}

/** A test with a guest of this kernel; where none can be had it says why and does nothing. */
export function withGuest(title: string, action: (t: ExecutionContext, parts: Parts) => Promise<void> | void): void {
  test.serial(title, async (t) => {
    prepared ??= prepare();
    const parts = await prepared;
    if (typeof parts !== "string") await action(t, parts);
    else isSkipped(t, [parts]);
  });
}
