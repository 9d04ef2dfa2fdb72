// SPDX-License-Identifier: Apache-2.0
/** Wrong usage or bad configuration: exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}
