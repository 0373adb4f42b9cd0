import "./theme.ts";
import "./base.css";
import "./live.css";
import "./display.css";
import { Connection } from "./console/connection.ts";
import { Bar } from "./display/bar.ts";
import { Display, type Seat } from "./display/connection.ts";
import { listenToKeys } from "./display/keyboard.ts";
import { type Chord, CTRL_ALT_DEL, HELP, LEADER } from "./display/keys.ts";
import type { Picture, Scale } from "./display/screen.ts";
import { Typing } from "./display/typing.ts";
import { byId, make, say } from "./dom.ts";
import { showHelp } from "./live/help.ts";
import { follow, fullScreen, livePage, may, openSession, permissions, powerOn, readOnly, server, world } from "./live/page.ts";
import { People } from "./live/people.ts";

const watching = (): boolean => readOnly || !may("vnc:write");
/** Who may type on the display alone, or may not see consoles, has a keyboard of the display's own. */
const sharesKeyboard = (): boolean => may(watching() ? "console:read" : "console:write");
let leave = (): void => undefined;

const nothing = (): void => undefined;

/** A viewer of the console that shows nothing of it: its keyboard is the display's, and it knows who is here. */
function takeSeat(told: { changed(): void; people(): People }): Connection {
  return new Connection(
    world(() => openSession("consoles", watching)),
    { changed: () => told.changed(), output: nothing, caughtUp: nothing, gap: nothing, refused: nothing, writer: (message) => told.people().writerChanged(message) },
    () => (watching() ? "read" : "write"),
    "browser",
    0,
  );
}

function seatOf(seat: Connection): Seat | null {
  if (!sharesKeyboard() || seat.state === "denied" || seat.state === "ended") return null;
  return { number: seat.me, hasKeyboard: seat.isWriter };
}

function whyNot(display: Display, seat: Connection): string {
  if (display.state !== "live") return "The display is not live: nothing was sent.";
  if (watching()) return "You are watching: nothing was sent.";
  if (!seat.isOpen) return "The keyboard is being asked for: nothing was sent.";
  return `${seat.writer === null ? "You do not have" : "Somebody else has"} the keyboard: nothing was sent.`;
}

async function saveScreenshot(picture: Picture): Promise<void> {
  const png = await picture.png();
  if (png === null) return say("There is no picture yet.", true);
  const link = make("a", { href: URL.createObjectURL(png), download: `${server}-${new Date().toISOString().replace(/[:.]/g, "-")}.png` });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** There also keys can be had that the browser and the window system keep for themselves, where the browser lets us. */
async function fullScreenWithKeys(): Promise<void> {
  fullScreen();
  await (navigator as { keyboard?: { lock(): Promise<void> } }).keyboard?.lock().catch(nothing);
}

function chooseScale(picture: Picture, scale: Scale): void {
  picture.scale = scale;
  byId<HTMLSelectElement>("scale").value = scale;
}

async function start(): Promise<void> {
  const { Picture } = await import("./display/screen.ts"); // noVNC is most of this page: the bar does not wait for it
  const picture = new Picture(() => bar.showSize());
  const focus = (): void => picture.focus();
  const seat: Connection = takeSeat({ changed: () => changed(), people: () => people });
  const display: Display = new Display(
    {
      ...world(() => openSession("displays", () => watching() || display.isStanding)),
      ready: permissions,
      takeSeat: () => void (sharesKeyboard() && seat.open()),
      screen: (socket, news) => picture.open(socket, news),
    },
    () => bar.render(),
    () => seatOf(seat),
    () => !watching(),
  );
  const people = new People(seat, server, watching, focus);
  const bar = new Bar({ display, seat, picture, people, server, powerOn: () => (may("power:write") ? () => void powerOn("display") : null) });
  const changed = (): void => {
    display.seatChanged();
    bar.render();
  };
  const refused = (): void => {
    const words = whyNot(display, seat);
    picture.refuse();
    bar.refused(words);
    say(words, true);
  };
  const press = (chord: Chord): boolean => {
    const sent = display.press(chord);
    if (!sent) refused();
    return sent;
  };
  const typing = new Typing(server, press, focus);
  const commands = {
    "leave": () => byId("scale").focus(),
    "paste": () => void typing.paste(""),
    "keys": () => void typing.keys(),
    "fullscreen": () => void fullScreenWithKeys(),
    "keyboard": () => (watching() ? bar.refused("You opened this display to watch.") : people.askOrRelease()),
    "screenshot": () => void saveScreenshot(picture),
    "scale": () => chooseScale(picture, picture.scale === "fit" ? "1" : "fit"),
    "help": () => void showHelp(HELP), // the focus goes back by itself
    "send-leader": () => void press(LEADER),
    "unknown": () => bar.refused("Ctrl+] then ? lists what the leader can do."),
  };
  const screen = byId("screen");
  listenToKeys(screen, { commands, canType: () => display.canType, refused });
  document.addEventListener("paste", (event) => {
    if (!screen.contains(document.activeElement)) return;
    event.preventDefault();
    void typing.paste(event.clipboardData?.getData("text/plain") ?? "");
  });
  for (const name of ["keys", "paste", "screenshot", "help", "fullscreen"] as const) byId(name).addEventListener("click", commands[name]);
  byId("ctrl-alt-del").addEventListener("click", () => {
    press(CTRL_ALT_DEL);
    focus();
  });
  byId<HTMLSelectElement>("scale").addEventListener("change", (event) => {
    chooseScale(picture, (event.target as HTMLSelectElement).value as Scale);
  });
  for (const change of ["focusin", "focusout"]) screen.addEventListener(change, () => setTimeout(() => bar.showCapture()));
  leave = () => {
    seat.stop();
    display.stop();
  };
  follow("display", display, seat);
  document.addEventListener("visibilitychange", () => display.looked());
  chooseScale(picture, "fit");
  screen.setAttribute("aria-label", `Screen of ${server}`);
  bar.render();
  display.open();
}

byId<HTMLAnchorElement>("serial").href = `/console/${encodeURIComponent(server)}${readOnly ? "?mode=read" : ""}`;
livePage("Display", `conduit server vnc ${server}`, () => leave());
void start();
