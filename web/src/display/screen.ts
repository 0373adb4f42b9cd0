// noVNC on this page: one RFB connection at a time, on a socket that is ours; the last picture stays under the next one.
import RFB from "@novnc/novnc";
import { byId, make } from "../dom.ts";
import { flash } from "../live/flash.ts";
import type { Socket } from "../live/line.ts";
import type { Screen, ScreenNews } from "./connection.ts";
import type { Chord } from "./keys.ts";

export type Scale = "fit" | "1";

const ENLARGED = 1; // from here on dots are seen as dots

export class Picture {
  readonly #host = byId("screen");
  readonly #changed: () => void;
  #rfb: RFB | null = null;
  #canvas: HTMLCanvasElement | null = null; // with the latest picture, whether it is live or not
  #still: HTMLElement | null = null;
  #scale: Scale = "fit";
  /** Since when the picture is not live. */
  stoppedAt: number | null = null;

  /** @param changed when the picture has another size, or is shown in another one. */
  constructor(changed: () => void) {
    this.#changed = changed;
    this.#host.addEventListener("focus", () => this.focus());
    new ResizeObserver(() => requestAnimationFrame(() => this.#fitted())).observe(this.#host);
  }

  /** Of the latest picture; null before the first. */
  get size(): { readonly width: number; readonly height: number } | null {
    const canvas = this.#canvas;
    return canvas === null || canvas.width === 0 ? null : { width: canvas.width, height: canvas.height };
  }

  /** Dots of this page for one of the server's. */
  get factor(): number {
    const canvas = this.#canvas;
    if (canvas === null || canvas.width === 0) return 1;
    const { width, height } = canvas.getBoundingClientRect();
    return Math.min(width / canvas.width, height / canvas.height);
  }

  get scale(): Scale {
    return this.#scale;
  }

  set scale(scale: Scale) {
    this.#scale = scale;
    this.#host.classList.toggle("fit", scale === "fit");
    if (this.#rfb !== null) this.#rfb.scaleViewport = scale === "fit";
    this.#fitted();
  }

  focus(): void {
    if (this.#rfb !== null) this.#rfb.focus();
    else this.#canvas?.focus();
  }

  refuse(): void {
    flash(this.#host, "refused");
  }

  /** The latest picture, as a PNG. */
  png(): Promise<Blob | null> {
    const canvas = this.#canvas;
    return canvas === null ? Promise.resolve(null) : new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  /** Begins RFB on a socket. */
  open(socket: Socket, news: ScreenNews): Screen {
    (socket as unknown as WebSocket).addEventListener("close", (event) => news.closed(event.code, event.reason));
    const rfb = new RFB(this.#host, socket, { shared: true });
    const canvas = this.#host.lastElementChild!.querySelector("canvas")!;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", this.#host.getAttribute("aria-label")!);
    rfb.background = "transparent"; // the last picture is under it until the first one comes
    rfb.viewOnly = true;
    rfb.scaleViewport = this.#scale === "fit";
    rfb.showDotCursor = true;
    rfb.addEventListener("connect", () => {
      news.connected();
      this.#show(rfb, canvas);
    });
    rfb.addEventListener("securityfailure", (event) => news.refused((event as CustomEvent<{ reason?: string }>).detail.reason ?? ""));
    rfb.addEventListener("disconnect", () => news.closed(0, ""));
    rfb.addEventListener("bell", () => flash(this.#host, "bell"));
    return screenOf(rfb, () => this.#close(rfb, canvas));
  }

  /** From the first update on, which draws all of it, this is the picture. */
  #show(rfb: RFB, canvas: HTMLCanvasElement): void {
    const focused = document.activeElement;
    this.#rfb = rfb;
    new MutationObserver(() => this.#fitted()).observe(canvas, { attributes: true, attributeFilter: ["width", "height", "style"] });
    if (focused === document.body || focused === this.#canvas) this.focus(); // whose focus is elsewhere has something to do there
    const look = (): void => {
      if (this.#rfb !== rfb) return;
      if (!isDrawn(canvas)) return void requestAnimationFrame(look);
      this.#still?.remove();
      this.#still = null;
      this.#canvas = canvas;
      this.stoppedAt = null;
      this.#fitted();
    };
    look();
  }

  #close(rfb: RFB, canvas: HTMLCanvasElement): void {
    const shown = this.#canvas === canvas;
    const focused = document.activeElement === canvas;
    rfb.disconnect();
    if (this.#rfb === rfb) this.#rfb = null;
    if (!shown) return;
    canvas.removeAttribute("style");
    this.#still = make("div", { className: "still" }, canvas);
    this.#host.prepend(this.#still);
    this.stoppedAt = performance.now();
    if (focused) canvas.focus();
    this.#fitted();
  }

  #fitted(): void {
    this.#host.classList.toggle("enlarged", this.factor > ENLARGED);
    this.#changed();
  }
}

const PROBE = make("canvas", { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true })!;

/** Whether anything is to be seen, as noVNC does not say when its first update is there. */
function isDrawn(canvas: HTMLCanvasElement): boolean {
  if (canvas.width === 0) return false;
  PROBE.clearRect(0, 0, 1, 1);
  PROBE.drawImage(canvas, 0, 0, 1, 1, 0, 0, 1, 1);
  return PROBE.getImageData(0, 0, 1, 1).data[3] !== 0;
}

function screenOf(rfb: RFB, close: () => void): Screen {
  return {
    get viewOnly() {
      return rfb.viewOnly;
    },
    set viewOnly(only) {
      rfb.viewOnly = only;
    },
    press: (chord) => press(rfb, chord),
    close,
  };
}

function press(rfb: RFB, chord: Chord): void {
  for (const [keysym, code] of chord) rfb.sendKey(keysym, code, true);
  for (const [keysym, code] of [...chord].reverse()) rfb.sendKey(keysym, code, false);
}
