import "./theme.ts";
import "./base.css";
import "./console.css";
import { Connection, type ConsoleSession, Refused } from "./console/connection.ts";
import { Bar } from "./console/bar.ts";
import { askPaste, chooseKey, showHelp } from "./console/menus.ts";
import { type Command, Leader, LEADER_BYTE } from "./console/leader.ts";
import { needsQuestion, pasteBytes, sendPaced, PAUSE_MS } from "./console/paste.ts";
import { byId, make, say } from "./dom.ts";
import { ask } from "./dialog.ts";
import { CallFailed } from "./http.ts";
import { callGateway, serverToken } from "./servers_api.ts";
import { onOtherTabs, signOut } from "./session.ts";
import { gapWords, size } from "./console/wording.ts";

const server = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? "");
const readOnly = new URLSearchParams(location.search).get("mode") === "read";

async function session(): Promise<ConsoleSession> {
  try {
    const body = { server_id: server, read_only: readOnly || !((await serverToken(server)).permissions ?? []).includes("console:write") };
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

async function start(): Promise<void> {
  const { Screen } = await import("./console/screen.ts"); // xterm.js is most of this page: the bar does not wait for it
  const screen = new Screen(byId("terminal"));
  const terminal = screen.terminal;
  const leader = new Leader();

  const connection: Connection = new Connection(
    { session, socket: (url, protocols) => new WebSocket(url, protocols), visible: () => !document.hidden, random: Math.random, after, now: () => performance.now() },
    {
      changed: () => bar.render(),
      output: (data) => screen.write(data),
      caughtUp: (missed, awayMs) => {
        const time = new Date().toLocaleTimeString();
        if (missed === null && connection.offset === connection.began) return; // no history: nothing to tell apart
        const words = missed === null ? `history above · live from ${time}` : `resumed ${time} after ${(awayMs / 1000).toFixed(1)} s, ${missed === 0 ? "nothing" : size(missed)} missed`;
        screen.mark(words);
        bar.note(words);
        if (missed !== null) say(words);
      },
      gap: (gap) => {
        screen.gap(gapWords(gap));
        bar.note(gapWords(gap));
      },
      refused: (words) => {
        screen.refuse();
        say(words, true);
        bar.refused(words);
      },
      writer: (message) => bar.writerChanged(message),
    },
    readOnly ? "read" : "write",
    "browser",
  );
  const bar = new Bar(connection, server, readOnly);

  const send = (text: string): boolean => connection.type(new TextEncoder().encode(text));
  const paste = async (text: string, asked: boolean): Promise<void> => {
    const chosen = asked || needsQuestion(text) ? await askPaste(text) : text;
    if (chosen === null || chosen === "") return;
    const data = pasteBytes(chosen);
    const sent = await sendPaced(data, (piece) => connection.type(piece), () => new Promise((done) => setTimeout(done, PAUSE_MS)));
    bar.note(sent === data.length ? `pasted ${size(sent)}` : `paste stopped after ${size(sent)} of ${size(data.length)}`);
    terminal.focus();
  };
  const sendBreak = async (): Promise<void> => {
    if (await ask(`Send a break to ${server}?`, ["Linux may take it as the start of a SysRq command; some firmware stops."], [{ words: "Send break", value: true }])) connection.break();
    terminal.focus();
  };
  const keys = async (): Promise<void> => {
    const key = await chooseKey();
    if (key === "break") await sendBreak();
    else if (key !== null) send(key);
    terminal.focus();
  };
  const commands: Readonly<Record<Command, () => void>> = {
    "leave": () => byId("reader").focus(),
    "paste": () => void paste("", true),
    "break": () => void sendBreak(),
    "keys": () => void keys(),
    "fullscreen": () => void (document.fullscreenElement === null ? document.documentElement.requestFullscreen() : document.exitFullscreen()),
    "keyboard": () => bar.askOrRelease(),
    "help": () => void showHelp().then(() => terminal.focus()),
    "send-leader": () => void send(LEADER_BYTE),
    "unknown": () => bar.refused("Ctrl+] then ? lists what the leader can do."),
  };

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
    void paste(event.clipboardData?.getData("text/plain") ?? "", false);
  }, { capture: true });
  screen.onType((data) => connection.type(data));

  const newer = byId("newer");
  terminal.onScroll(() => showNewer());
  terminal.onWriteParsed(() => showNewer());
  function showNewer(): void {
    const lines = terminal.buffer.active.baseY - terminal.buffer.active.viewportY;
    newer.hidden = lines <= 0;
    newer.textContent = `${lines} newer lines ↓`;
  }
  newer.addEventListener("click", () => {
    terminal.scrollToBottom();
    terminal.focus();
  });

  const reader = byId("reader");
  reader.addEventListener("click", () => {
    const on = terminal.options.screenReaderMode !== true;
    terminal.options.screenReaderMode = on;
    reader.setAttribute("aria-pressed", String(on));
  });
  byId("keys").addEventListener("click", () => void keys());
  byId("paste").addEventListener("click", () => void paste("", true));
  byId("save").addEventListener("click", () => {
    const link = make("a", { href: URL.createObjectURL(new Blob([screen.text()], { type: "text/plain" })), download: `${server}.txt` });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  byId("help").addEventListener("click", () => void showHelp());
  byId("logout").addEventListener("click", () => {
    connection.stop();
    void signOut();
  });
  document.addEventListener("visibilitychange", () => !document.hidden && wake());
  addEventListener("online", () => connection.state !== "ended" && connection.open());
  addEventListener("offline", () => connection.offline());
  const wake = (): void => void (connection.state === "reconnecting" && connection.open());
  onOtherTabs((what) => {
    if (what === "signed-in" && connection.state === "expired") connection.open();
  });
  byId("terminal").setAttribute("aria-label", `Serial console of ${server}`);
  connection.open();
  terminal.focus();
}

byId("name").textContent = server;
document.title = `${server} · Console · Conduit`;
byId("command").textContent = `conduit server console ${server}`;
void start();
