// SPDX-License-Identifier: Apache-2.0
import { monotonic } from "../util/clock.ts";
import type { BringUp, Runtime, Session } from "./runtime.ts";

/** A session of a runtime whose labs share nothing: there is nothing to prepare, and nothing to end. */
export function sharingNothing(runtime: Runtime, up: BringUp): Session {
  return { runtime, prepared: {}, clock: monotonic, up, clear: async () => {}, [Symbol.asyncDispose]: async () => {} };
}
