// xterm.js writes <style> elements and style attributes, which the pages' policy (CSP: style-src 'self') forbids. It takes its
// document as an option, so it gets one whose elements write to constructed style sheets and to the style object instead:
// what a script may do under that policy.

/** A document for Terminal's option `documentOverride`. */
export function strictDocument(real: Document): Document {
  return new Proxy(real, {
    get(target, name): unknown {
      if (name === "createElement") return (tag: string): HTMLElement => (tag === "style" ? sheetElement(target) : withoutAttribute(target.createElement(tag)));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set: (target, name, value): boolean => Reflect.set(target, name, value, target),
  });
}

/** Stands where the <style> would stand; its text is a sheet of the document while it does. */
function sheetElement(real: Document): HTMLElement {
  const element = real.createElement("template");
  const sheet = new CSSStyleSheet();
  real.adoptedStyleSheets.push(sheet);
  Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  Object.defineProperty(element, "remove", {
    value: () => {
      real.adoptedStyleSheets = real.adoptedStyleSheets.filter((one) => one !== sheet);
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
