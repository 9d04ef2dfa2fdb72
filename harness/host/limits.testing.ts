// SPDX-License-Identifier: Apache-2.0
// What tests of limits begin with.
import type { KernelLimits } from "./limits.ts";

export const MILLION = 1_000_000;

/** Enough of everything for a million connections. */
export const ample: KernelLimits = {
  availableMiB: 20_000,
  openFiles: 20_000,
  allFiles: 3 * MILLION,
  trackedConnections: 2 * MILLION,
};
