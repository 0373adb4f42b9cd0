// xterm.js writes <style> elements and style attributes, which the pages' policy (CSP: style-src 'self') forbids. On its page
// document.createElement makes elements that write to constructed style sheets and to the style object instead: what a script
// may do under that policy. (Its option documentOverride would be the place, but 6.0.0 takes it for only one of the three.)

export function useStrictStyles(page: Document): void {
  const create = page.createElement.bind(page);
  page.createElement = (tag: string, options?: ElementCreationOptions): HTMLElement =>
    tag === "style" ? sheetElement(page, create("template")) : withoutAttribute(create(tag, options));
}

/** Stands where the <style> would stand; its text is a sheet of the page while it does. */
function sheetElement(page: Document, element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  page.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  Object.defineProperty(element, "remove", {
    value: () => {
      page.adoptedStyleSheets = page.adoptedStyleSheets.filter((one) => one !== sheet);
      Element.prototype.remove.call(element);
    },
  });
  return element;
}

function withoutAttribute<T extends HTMLElement>(element: T): T {
  const original = element.setAttribute.bind(element);
  element.setAttribute = (name: string, value: string): void => {
    if (name === "style") element.style.cssText = value;
    else original(name, value);
  };
  return element;
}
