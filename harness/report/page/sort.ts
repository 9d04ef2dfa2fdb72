// SPDX-License-Identifier: Apache-2.0
// A table's head as buttons: each sorts the rows by its column, and once more the other way round.

export function setUpSorting(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>("table[data-sortable]"))
    for (const [i, head] of [...table.querySelectorAll<HTMLElement>("thead th")].entries()) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortBy(table, head, i));
      head.append(button);
    }
}

function sortBy(table: HTMLTableElement, head: HTMLElement, column: number): void {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  if (!body) return;
  const keyed = [...body.rows].map((row) => ({ row, key: keyOf(row.cells[column]) }));
  keyed.sort((a, b) => compare(a.key, b.key, down ? -1 : 1));
  body.append(...keyed.map(({ row }) => row));
}

/** The number behind a text; "": there is none. */
function keyOf(cell: HTMLElement | undefined): number | string {
  const number = cell?.dataset.sort;
  if (number === undefined) return cell?.textContent.toLowerCase() ?? "";
  return number === "" ? "" : Number(number);
}

/** What has no value comes last both ways. */
function compare(a: number | string, b: number | string, sign: number): number {
  if (a === "" || b === "") return Number(a === "") - Number(b === "");
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
}
