// SPDX-License-Identifier: Apache-2.0
/**
 * A listener that others feed. What it throws, at once or later, goes to `refuse`, which ends that one connection; it never
 * reaches the program.
 */
export function guarded<A extends unknown[]>(
  listener: (...args: A) => unknown,
  refuse: (error: Error, ...args: A) => void,
): (...args: A) => void {
  return (...args) => {
    const fail = (error: unknown) => {
      try {
        refuse(error as Error, ...args);
      } catch {
        // The connection has ended meanwhile.
      }
    };
    try {
      Promise.resolve(listener(...args)).catch(fail);
    } catch (error) {
      fail(error);
    }
  };
}
