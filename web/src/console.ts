import "./theme.ts";
import "./base.css";
import "./live.css";
import "./console.css";
import type { Terminal } from "@xterm/xterm";
import { Actions } from "./console/actions.ts";
import { Bar } from "./console/bar.ts";
import { Connection } from "./console/connection.ts";
import { Find } from "./console/find.ts";
import { type Command, COMMANDS, HELP, LEADER_BYTE } from "./console/keys.ts";
import type { Screen } from "./console/screen.ts";
import { Strip } from "./console/strip.ts";
import { TextView } from "./console/text_view.ts";
import { Typing } from "./console/typing.ts";
import { gapWords, size } from "./console/wording.ts";
import { byId, make, say } from "./dom.ts";
import { showHelp } from "./live/help.ts";
import { Leader } from "./live/leader.ts";
import { follow, fullScreen, livePage, may, openSession, powerOn, readOnly, server, world } from "./live/page.ts";
import { People } from "./live/people.ts";
import { note } from "./live/state_line.ts";

type Commands = Readonly<Record<Command | "send-leader" | "unknown", () => void>>;

const watching = (): boolean => readOnly || !may("console:write");
let leave = (): void => undefined;

/** The one socket of this page; what it tells goes to the screen, the bar and the people. */
function connect(screen: Screen, told: { bar(): Bar; people(): People }): Connection {
  const connection: Connection = new Connection(
    world(() => openSession("consoles", watching)),
    {
      changed: () => told.bar().render(),
      output: (data) => screen.write(data),
      caughtUp: (missed, awayMs) => {
        const time = new Date().toLocaleTimeString();
        if (missed === null && connection.offset === connection.began) return; // no history: nothing to tell apart
        const words = missed === null ? `history above · live from ${time}` : `resumed ${time} after ${(awayMs / 1000).toFixed(1)} s, ${missed === 0 ? "nothing" : size(missed)} missed`;
        screen.mark(words);
        note(words);
        if (missed !== null) say(words);
      },
      gap: (gap) => {
        screen.gap(gapWords(gap));
        note(gapWords(gap));
      },
      refused: (words) => {
        screen.refuse();
        say(words, true);
        told.bar().refused(words);
      },
      writer: (message) => told.people().writerChanged(message),
    },
    () => (readOnly ? "read" : "write"),
    "browser",
  );
  return connection;
}

/** Keys go to the server, but for what follows the leader. */
function listen(terminal: Terminal, typing: Typing, commands: Commands): void {
  const leader = new Leader(COMMANDS);
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown") return true;
    if (event.ctrlKey && event.shiftKey && (event.key === "C" || event.key === "V")) return false; // the browser's copy and paste
    const what = leader.press(event);
    if (what === "server") return true;
    event.preventDefault();
    if (what !== "wait") commands[what]();
    return false;
  });
  byId("terminal").addEventListener("paste", (event) => {
    event.preventDefault();
    event.stopPropagation();
    void typing.paste(event.clipboardData?.getData("text/plain") ?? "", false);
  }, { capture: true });
}

/** Whoever scrolls up stays there; a button tells what is below. */
function newerLines(terminal: Terminal): void {
  const newer = byId("newer");
  const show = (): void => {
    const lines = terminal.buffer.active.baseY - terminal.buffer.active.viewportY;
    newer.hidden = lines <= 0;
    newer.textContent = `${lines} newer lines ↓`;
  };
  terminal.onScroll(show);
  terminal.onWriteParsed(show);
  newer.addEventListener("click", () => {
    terminal.scrollToBottom();
    terminal.focus();
  });
}

function toggleReader(terminal: Terminal): void {
  const on = terminal.options.screenReaderMode !== true;
  terminal.options.screenReaderMode = on;
  byId("reader").setAttribute("aria-pressed", String(on));
}

function saveText(text: string): void {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: `${server}.txt` });
  link.click();
  URL.revokeObjectURL(link.href);
}

async function start(): Promise<void> {
  const { Screen } = await import("./console/screen.ts"); // xterm.js is most of this page: the bar does not wait for it
  const screen = new Screen(byId("terminal"));
  const terminal = screen.terminal;
  const focus = (): void => terminal.focus();
  const connection: Connection = connect(screen, { bar: () => bar, people: () => people });
  const text = new TextView(() => screen.text(), focus);
  const actions = new Actions(connection, server, {
    powerOn: () => (may("power:write") ? () => void powerOn("console") : null),
    showHistory: () => text.open(),
  });
  const people = new People(connection, server, () => readOnly, focus);
  const bar = new Bar(connection, server, actions, people);
  const find = new Find(() => (text.isOpen ? text : screen), () => (text.isOpen ? byId("text-lines").focus() : focus()));
  screen.onFound((found) => text.isOpen || find.show(found));
  const typing = new Typing(connection, server, focus);
  const strip = new Strip((bytes) => typing.send(bytes), () => terminal.modes.applicationCursorKeysMode, () => void typing.keys());
  screen.onType((data) => connection.type(data), (typed) => strip.apply(typed));
  newerLines(terminal);
  const commands: Commands = {
    "leave": () => byId("reader").focus(),
    "search": () => find.open(),
    "text": () => text.open(),
    "paste": () => void typing.paste("", true),
    "break": () => void typing.break(),
    "keys": () => void typing.keys(),
    "fullscreen": fullScreen,
    "keyboard": () => (readOnly ? bar.refused("You opened this console to watch.") : people.askOrRelease()),
    "help": () => void showHelp(HELP).then(focus),
    "send-leader": () => typing.send(LEADER_BYTE),
    "unknown": () => bar.refused("Ctrl+] then ? lists what the leader can do."),
  };
  listen(terminal, typing, commands);
  for (const name of ["search", "keys", "paste", "help"] as const) byId(name).addEventListener("click", commands[name]);
  byId("reader").addEventListener("click", () => toggleReader(terminal));
  byId("save").addEventListener("click", () => saveText(screen.text()));
  leave = () => connection.stop();
  follow("console", connection);
  byId("terminal").setAttribute("aria-label", `Serial console of ${server}`);
  connection.open();
  focus();
}

livePage("Console", `conduit server console ${server}`, () => leave());
void start();
