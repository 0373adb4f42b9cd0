// The dialogs of the console page.
import { ask } from "../dialog.ts";
import { make } from "../dom.ts";
import { KEYS } from "./keys.ts";
import { pasteBytes, visible } from "./paste.ts";
import { size } from "./wording.ts";

/** A key's bytes, "break", or null. */
export async function chooseKey(): Promise<string | null> {
  const chosen = await ask<string>("Send a key", [make("p", { textContent: "Keys as firmware set-ups read them (VT100+)." })], [
    { words: "Break", value: "break", danger: true },
    ...KEYS.map(([words, value]) => ({ words, value })),
  ]);
  return chosen;
}

/** Shows what would be sent, lets it be changed, and asks. */
export async function askPaste(text: string): Promise<string | null> {
  const box = make("textarea", { id: "paste-text", className: "pastebox", value: text, spellcheck: false });
  const count = make("p", { className: "muted" });
  const tell = (): void => {
    const lines = box.value.split("\n").length - 1;
    const hidden = visible(box.value) === box.value ? "" : " It has control characters.";
    count.textContent = `${size(pasteBytes(box.value).length)}, ${lines} line ends: each one is an Enter.${hidden}`;
  };
  box.addEventListener("input", tell);
  tell();
  const label = make("label", { htmlFor: box.id, textContent: "Text to type on the console" });
  return (await ask("Paste to the console?", [label, box, count], [{ words: "Paste", value: true }])) === true ? box.value : null;
}
