// The dialogs of the console page.
import { ask } from "../dialog.ts";
import { make } from "../dom.ts";
import { KEYS } from "./leader.ts";
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

const HELP: readonly (readonly [string, string])[] = [
  ["Tab", "leave the terminal"], ["s", "search"], ["t", "text view: lines to read and copy"], ["p", "paste"], ["b", "break"], ["k", "keys"], ["f", "full screen"],
  ["w", "ask for or release the keyboard"], ["?", "this list"], ["Ctrl+]", "send Ctrl+] to the server"],
];

export async function showHelp(): Promise<void> {
  const list = make("dl", {});
  for (const [key, words] of HELP) list.append(make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: words }));
  await ask("Keys of this page", [make("p", {}, "All keys go to the server. After ", make("kbd", { textContent: "Ctrl+]" }), " the next one is for this page:"), list], []);
}
