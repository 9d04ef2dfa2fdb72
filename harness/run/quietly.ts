// SPDX-License-Identifier: Apache-2.0
/** For what must not hide the error that is on its way. */
export function quietly(action: () => void): void {
  try {
    action();
  } catch {}
}
