// The leader: Ctrl+] makes the next key the page's. Every other key goes to the server.

export interface Key {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
}

const MODIFIERS: ReadonlySet<string> = new Set(["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock"]);

export function isLeader(key: Key): boolean {
  return key.ctrlKey && (key.key === "]" || key.code === "BracketRight");
}

export function isModifier(key: Key): boolean {
  return MODIFIERS.has(key.key);
}

/** Takes each key that goes down: "server" lets it pass, "wait" and a command do not. */
export class Leader<Command extends string> {
  readonly #commands: Readonly<Record<string, Command>>;
  #armed = false;

  /** @param commands what the key after the leader does. */
  constructor(commands: Readonly<Record<string, Command>>) {
    this.#commands = commands;
  }

  press(key: Key): "server" | "wait" | "send-leader" | "unknown" | Command {
    if (!this.#armed) {
      this.#armed = isLeader(key);
      return this.#armed ? "wait" : "server";
    }
    if (isModifier(key)) return "wait";
    this.#armed = false;
    return isLeader(key) ? "send-leader" : (this.#commands[key.key] ?? "unknown");
  }
}
