// SPDX-License-Identifier: Apache-2.0
// Which rows of a table are shown: those with a text, or those that fit chosen values.

/** Text that a row of the table below must contain. */
export function setUpSearch(): void {
  for (const input of document.querySelectorAll<HTMLInputElement>("input[data-find]")) {
    const filters = input.closest(".filters");
    const rows = [...(filters?.nextElementSibling?.querySelectorAll<HTMLElement>("tbody tr") ?? [])];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const status = filters?.querySelector("[role=status]");
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      for (const [i, row] of rows.entries()) row.hidden = !texts[i]?.includes(wanted);
      if (status) status.textContent = wanted === "" ? "" : shownOf(rows);
    });
  }
}

/** Rows that fit all chosen values are shown. */
export function setUpFilters(): void {
  const selects = [...document.querySelectorAll<HTMLSelectElement>("select[data-filter]")];
  if (selects.length === 0) return;
  const rows = [...document.querySelectorAll<HTMLElement>("#set tbody tr")];
  const shown = document.getElementById("shown");
  const apply = () => {
    const fits = (row: HTMLElement) =>
      selects.every(({ value, dataset }) => value === "" || row.getAttribute(`data-f${dataset.filter}`) === value);
    for (const row of rows) row.hidden = !fits(row);
    if (shown) shown.textContent = `${shownOf(rows)} shown`;
  };
  for (const select of selects) select.addEventListener("change", apply);
  apply();
}

const shownOf = (rows: readonly HTMLElement[]) => `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
