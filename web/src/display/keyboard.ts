// What happens to keys before noVNC sees them: the leader's are the page's, and none stays down when the focus goes.
import { isModifier, Leader } from "../live/leader.ts";
import { type Command, COMMANDS } from "./keys.ts";

export interface Doings {
  readonly commands: Readonly<Record<Command | "send-leader" | "unknown", () => void>>;
  /** Whether keys go to the server; else `refused` is told. */
  canType(): boolean;
  refused(): void;
}

export function listenToKeys(host: HTMLElement, { commands, canType, refused }: Doings): void {
  const leader = new Leader(COMMANDS);
  const down = new Map<string, string>();
  const taken = (event: KeyboardEvent): void => {
    event.preventDefault();
    event.stopPropagation();
  };
  host.addEventListener("keydown", (event) => {
    if (event.ctrlKey && event.shiftKey && event.code === "KeyV") return event.stopPropagation(); // the browser's paste
    const what = leader.press(event);
    if (what !== "server") {
      taken(event);
      if (what !== "wait") commands[what]();
    } else if (canType()) {
      down.set(event.code, event.key);
    } else if (!isModifier(event) && event.key !== "Tab") {
      taken(event);
      refused();
    }
  }, { capture: true });
  host.addEventListener("keyup", (event) => void down.delete(event.code), { capture: true });
  const letGo = (): void => {
    const target = host.querySelector("canvas:not(.still canvas)");
    for (const [code, key] of [...down]) target?.dispatchEvent(new KeyboardEvent("keyup", { code, key, bubbles: true, cancelable: true }));
    down.clear();
  };
  host.addEventListener("focusout", letGo);
  document.addEventListener("visibilitychange", () => document.hidden && letGo());
  addEventListener("pagehide", letGo);
}
