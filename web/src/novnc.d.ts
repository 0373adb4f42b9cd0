// What of noVNC this page uses (node_modules/@novnc/novnc/docs/API.md).
declare module "@novnc/novnc" {
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, channel: unknown, options?: { readonly shared?: boolean });
    viewOnly: boolean;
    scaleViewport: boolean;
    showDotCursor: boolean;
    background: string;
    disconnect(): void;
    focus(): void;
    sendKey(keysym: number, code: string, down: boolean): void;
  }
}
