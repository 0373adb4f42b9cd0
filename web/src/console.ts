import "./theme.ts";
import "./base.css";
import "./console.css";
import type { Terminal } from "@xterm/xterm";
import { Actions } from "./console/actions.ts";
import { Bar, note } from "./console/bar.ts";
import { Connection, type ConsoleSession, Refused } from "./console/connection.ts";
import { Find } from "./console/find.ts";
import { showHelp } from "./console/menus.ts";
import { type Command, Leader, LEADER_BYTE } from "./console/leader.ts";
import { People } from "./console/people.ts";
import type { Screen } from "./console/screen.ts";
import { Strip } from "./console/strip.ts";
import { TextView } from "./console/text_view.ts";
import { Typing } from "./console/typing.ts";
import { gapWords, size } from "./console/wording.ts";
import { ask } from "./dialog.ts";
import { byId, make, say } from "./dom.ts";
import { warnBeforeEnd } from "./ending.ts";
import { signedInFrame } from "./frame.ts";
import { CallFailed } from "./http.ts";
import { toolsMenu } from "./menu.ts";
import { callGateway, serverToken, switchPower } from "./servers_api.ts";
import { millis, onOtherTabs } from "./session.ts";

const server = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
const readOnly = new URLSearchParams(location.search).get("mode") === "read";
let permissions: readonly string[] = [];
let leave = (): void => undefined;

async function session(): Promise<ConsoleSession> {
  try {
    permissions = (await serverToken(server)).permissions ?? [];
    const body = { server_id: server, read_only: readOnly || !permissions.includes("console:write") };
    return await callGateway<ConsoleSession>(server, "/api/v1/consoles", { method: "POST", body });
  } catch (error) {
    if (error instanceof CallFailed && error.status === 401) throw new Refused("expired", error.message);
    if (error instanceof CallFailed && (error.status === 403 || error.status === 404)) throw new Refused("denied", error.message);
    throw error;
  }
}

function after(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}

async function powerOn(): Promise<void> {
  const sure = await ask(`Power on ${server}?`, ["The server starts; this console shows its boot."], [{ words: "Power on", value: true }]);
  if (sure !== true) return;
  const told = (words: string): void => {
    note(words);
    say(words);
  };
  told("power on: asking the BMC…");
  await switchPower(server, "on").then((state) => told(`power is ${state}`), (error: Error) => told(error.message));
}

/** The one socket of this page; what it tells goes to the screen, the bar and the people. */
function connect(screen: Screen, told: { bar(): Bar; people(): People }): Connection {
  const connection: Connection = new Connection(
    { session, socket: (url, protocols) => new WebSocket(url, protocols), visible: () => !document.hidden, random: Math.random, after, now: () => performance.now() },
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
    readOnly ? "read" : "write",
    "browser",
  );
  return connection;
}

/** Keys go to the server, but for what follows the leader. */
function listen(terminal: Terminal, typing: Typing, commands: Readonly<Record<Command, () => void>>): void {
  const leader = new Leader();
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

/** The network, the clock and other tabs. */
function follow(connection: Connection): void {
  const wake = (): void => void (connection.state === "reconnecting" && connection.open());
  document.addEventListener("visibilitychange", () => !document.hidden && wake());
  addEventListener("online", () => connection.state !== "ended" && connection.open());
  addEventListener("offline", () => connection.offline());
  onOtherTabs((what) => {
    if (what !== "signed-out" && connection.state === "expired") connection.open();
  });
  warnBeforeEnd({
    banner: byId("session-banner"),
    ends: () => (connection.me === null || connection.session?.expires_at === undefined ? null : millis(connection.session.expires_at)),
    warning: (left) => `This console session ends in ${left}.`,
    over: "This console session has ended.",
    stay: "Stay",
    renew: async () => connection.renew(),
    again: ["Open again", () => connection.renew()],
  });
}

/** Where a phone's keyboard covers the page, the page is what it leaves. */
function fitAboveKeyboard(): void {
  const view = window.visualViewport;
  if (view === null || !matchMedia("(pointer: coarse)").matches) return;
  view.addEventListener("resize", () => void (document.body.style.height = `${view.height}px`));
}

async function start(): Promise<void> {
  const { Screen } = await import("./console/screen.ts"); // xterm.js is most of this page: the bar does not wait for it
  const screen = new Screen(byId("terminal"));
  const terminal = screen.terminal;
  const focus = (): void => terminal.focus();
  const connection: Connection = connect(screen, { bar: () => bar, people: () => people });
  const text = new TextView(() => screen.text(), focus);
  const actions = new Actions(connection, server, {
    powerOn: () => (permissions.includes("power:write") ? () => void powerOn() : null),
    showHistory: () => text.open(),
  });
  const people = new People(connection, server, readOnly);
  const bar = new Bar(connection, server, actions, people);
  const find = new Find(() => (text.isOpen ? text : screen), () => (text.isOpen ? byId("text-lines").focus() : focus()));
  screen.onFound((found) => text.isOpen || find.show(found));
  const typing = new Typing(connection, server, focus);
  const strip = new Strip((bytes) => typing.send(bytes), () => terminal.modes.applicationCursorKeysMode, () => void typing.keys());
  screen.onType((data) => connection.type(data), (typed) => strip.apply(typed));
  newerLines(terminal);
  const commands: Readonly<Record<Command, () => void>> = {
    "leave": () => byId("reader").focus(),
    "search": () => find.open(),
    "text": () => text.open(),
    "paste": () => void typing.paste("", true),
    "break": () => void typing.break(),
    "keys": () => void typing.keys(),
    "fullscreen": () => void (document.fullscreenElement === null ? document.documentElement.requestFullscreen() : document.exitFullscreen()),
    "keyboard": () => (readOnly ? bar.refused("You opened this console to watch.") : people.askOrRelease()),
    "help": () => void showHelp().then(focus),
    "send-leader": () => typing.send(LEADER_BYTE),
    "unknown": () => bar.refused("Ctrl+] then ? lists what the leader can do."),
  };
  listen(terminal, typing, commands);
  for (const name of ["search", "keys", "paste", "help"] as const) byId(name).addEventListener("click", commands[name]);
  byId("reader").addEventListener("click", () => toggleReader(terminal));
  byId("save").addEventListener("click", () => saveText(screen.text()));
  leave = () => connection.stop();
  follow(connection);
  byId("terminal").setAttribute("aria-label", `Serial console of ${server}`);
  connection.open();
  focus();
}

byId("name").textContent = server;
document.title = `${server} · Console · Conduit`;
byId("command").textContent = `conduit server console ${server}`;
signedInFrame(() => leave());
toolsMenu();
fitAboveKeyboard();
void start();
