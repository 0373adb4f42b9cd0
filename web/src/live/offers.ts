// What one can do in each state, as buttons beside its words.
import { byId, make } from "../dom.ts";

export type Offer = readonly [words: string, act: () => void];

export class Offers {
  #shown = "";

  /** A text stands for what somebody else could do, and says who. */
  render(offers: readonly (Offer | string)[]): void {
    const shown = offers.map((offer) => (typeof offer === "string" ? offer : offer[0])).join("|");
    if (shown === this.#shown) return; // the buttons stay, and with them the focus
    this.#shown = shown;
    byId("actions").replaceChildren(...offers.map((offer) => (typeof offer === "string" ? make("span", { className: "muted", textContent: offer }) : button(offer))));
  }
}

function button([words, act]: Offer): HTMLButtonElement {
  const made = make("button", { type: "button", textContent: words });
  made.addEventListener("click", act);
  return made;
}
