// A bar's tools: in the bar where there is room, behind its "Menu" button where there is not (console.css, base.css).
import { byId } from "./dom.ts";

export function toolsMenu(): void {
  const button = byId("menu");
  const tools = byId("tools");
  const show = (open: boolean): void => {
    button.setAttribute("aria-expanded", String(open));
    tools.classList.toggle("open", open);
  };
  button.addEventListener("click", () => show(button.getAttribute("aria-expanded") !== "true"));
  tools.addEventListener("click", (event) => event.target instanceof HTMLButtonElement && show(false));
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !tools.contains(event.target) && !button.contains(event.target)) show(false);
  });
  for (const element of [button, tools]) {
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      show(false);
      button.focus();
    });
  }
}
