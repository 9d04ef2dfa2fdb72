// SPDX-License-Identifier: Apache-2.0
/** A part that every page has. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no #${id}.`);
  return found;
}

/** What the page holds as JSON under this name. */
export function readJson<T>(id: string): T {
  return JSON.parse(byId(id).textContent) as T;
}
