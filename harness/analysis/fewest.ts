// SPDX-License-Identifier: Apache-2.0
// Least connections: new ones fill up who has the fewest for its weight, as water fills vessels.

/** A connection; monotonic ns. */
export interface Life {
  target: string;
  /** What is counted by itself, as a service for each family is. */
  family: number;
  /** When it was asked for, and when it was there. */
  startT: number;
  openT: number;
  goneT: number;
}

/** So much of the new connections may go anywhere: they are counted a moment before or after the balancer did. */
const SLACK = 0.01;

/**
 * Number of new connections of a window that each target is expected to get. `shares` are those of the targets in use, by their
 * weights; what was opened before `since` does not count.
 */
export function toTheFewest(
  lives: readonly Life[],
  shares: ReadonlyMap<string, number>,
  { fromT, toT, since }: { fromT: number; toT: number; since: number },
): Map<string, number> {
  const expected = new Map([...shares.keys()].map((name) => [name, 0]));
  let total = 0;
  for (const family of new Set(lives.map((life) => life.family))) {
    const own = lives.filter((life) => life.family === family);
    const has = new Map<string, number>();
    for (const { target } of own.filter(
      ({ startT, openT, goneT }) => openT >= since && startT < fromT && goneT >= fromT,
    ))
      has.set(target, (has.get(target) ?? 0) + 1);
    const come = own.filter(({ startT, openT }) => startT >= fromT && openT < toT).length;
    total += come;
    for (const [name, n] of filled(has, shares, come)) expected.set(name, (expected.get(name) ?? 0) + n);
  }
  return new Map([...expected].map(([name, n]) => [name, (1 - SLACK) * n + SLACK * total * (shares.get(name) ?? 0)]));
}

/** What each gets of `come` where all rise to one level: those that are above it get nothing. */
export function filled(
  has: ReadonlyMap<string, number>,
  shares: ReadonlyMap<string, number>,
  come: number,
): Map<string, number> {
  const vessels = [...shares]
    .flatMap(([name, share]) => (share > 0 ? [{ name, share, n: has.get(name) ?? 0 }] : []))
    .sort((a, b) => a.n / a.share - b.n / b.share);
  let [width, content, level] = [0, come, 0];
  for (const { share, n } of vessels) {
    if (width > 0 && n / share >= level) break;
    width += share;
    content += n;
    level = content / width;
  }
  return new Map(vessels.map(({ name, share, n }) => [name, Math.max(0, level * share - n)]));
}
