// SPDX-License-Identifier: Apache-2.0
import type { BringUp, Runtime, Session } from "./runtime.ts";

/** A session of a runtime whose labs share nothing: there is nothing to prepare, and nothing to end. */
export function sharingNothing(runtime: Runtime, up: BringUp): Session {
  return { runtime, prepared: {}, up, clear: async () => {}, [Symbol.asyncDispose]: async () => {} };
}
