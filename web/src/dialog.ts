// Questions, in the browser's own dialog: it keeps the focus inside, Esc cancels, and the focus returns.
import { make } from "./dom.ts";

export interface Choice<T> {
  readonly words: string;
  readonly value: T;
  readonly danger?: boolean;
}

const MANY = 6; // choices that stand in rows from the left, as on a keyboard

/** Asks; null is "Cancel", where the focus starts, and Esc. */
export function ask<T>(title: string, body: (Node | string)[], choices: readonly Choice<T>[]): Promise<T | null> {
  return new Promise((resolve) => {
    const heading = make("h2", { id: "question", textContent: title });
    const cancel = make("button", { type: "button", textContent: "Cancel", autofocus: true });
    const group = make("div", { className: choices.length > MANY ? "group keys" : "group" }, cancel);
    const dialog = make("dialog", {}, heading, ...body, group);
    dialog.setAttribute("aria-labelledby", heading.id);
    const end = (answer: T | null): void => {
      dialog.close();
      dialog.remove();
      resolve(answer); // at once: the focus is back already, and the next key must not come before what was chosen
    };
    cancel.addEventListener("click", () => end(null));
    for (const choice of choices) {
      const button = make("button", { type: "button", textContent: choice.words, className: choice.danger ? "danger" : "" });
      button.addEventListener("click", () => end(choice.value));
      group.append(button);
    }
    dialog.addEventListener("close", () => end(null)); // by Esc
    document.body.append(dialog);
    dialog.showModal();
  });
}
