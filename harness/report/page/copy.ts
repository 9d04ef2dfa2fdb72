// SPDX-License-Identifier: Apache-2.0
/** A button behind the command that copies it. */
export function addCopyButton(command: HTMLElement): void {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => void copy(command, button));
  command.after(button);
}

async function copy(command: HTMLElement, button: HTMLButtonElement): Promise<void> {
  getSelection()?.selectAllChildren(command);
  // Where a page from disk has no clipboard, the text is selected at least.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  const copied = await clipboard?.writeText(command.textContent).then(
    () => true,
    () => false,
  );
  button.textContent = copied ? "Copied" : "Selected";
}
