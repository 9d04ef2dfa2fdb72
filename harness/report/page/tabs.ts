// SPDX-License-Identifier: Apache-2.0
/** On paper nothing can be chosen. Returns how the screen is made again what it was. */
export function showAllPanels(): () => void {
  const hidden = [...document.querySelectorAll<HTMLElement>("[role=tabpanel]")].filter((panel) => panel.hidden);
  for (const panel of hidden) panel.hidden = false;
  return () => {
    for (const panel of hidden) panel.hidden = true;
  };
}

/** One panel at a time; arrow keys, Home and End go from tab to tab. `onChosen` draws what is shown for the first time. */
export function setUpTabs(onChosen: () => void): void {
  const tabs = [...document.querySelectorAll<HTMLElement>("[role=tab]")];
  const choose = (chosen: HTMLElement) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
      if (panel) panel.hidden = tab !== chosen;
    }
  };
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener("click", () => {
      choose(tab);
      onChosen();
    });
    tab.addEventListener("keydown", (event) => {
      const places: Readonly<Record<string, number>> = {
        ArrowLeft: i - 1,
        ArrowRight: i + 1,
        Home: 0,
        End: tabs.length - 1,
      };
      const to = places[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = tabs[(to + tabs.length) % tabs.length];
      next?.focus();
      next?.click();
    });
  }
  if (tabs[0]) choose(tabs[0]);
}
