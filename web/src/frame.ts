// What every page has in its header: the theme, and for who is signed in "Sign out" and a warning before the sign-in ends.
import { byId, make } from "./dom.ts";
import { warnBeforeEnd } from "./ending.ts";
import { onOtherTabs, renewSignIn, signInEnds, signOut } from "./session.ts";
import { chooseTheme, chosenTheme, THEME_KEY, type Theme } from "./theme.ts";

const THEMES: readonly (readonly [Theme, string])[] = [["system", "System theme"], ["light", "Light"], ["dark", "Dark"]];

/** Fills the page's <select id="theme">. */
export function themeSwitch(): void {
  const select = byId<HTMLSelectElement>("theme");
  select.append(...THEMES.map(([value, words]) => make("option", { value, textContent: words })));
  const show = (): void => void (select.value = chosenTheme());
  show();
  select.addEventListener("change", () => chooseTheme(select.value as Theme));
  addEventListener("storage", (event) => event.key === THEME_KEY && show());
}

/** The header of a page for who is signed in; `leaving` comes before signing out. */
export function signedInFrame(leaving: () => void = () => undefined): void {
  themeSwitch();
  byId("logout").addEventListener("click", () => {
    leaving();
    void signOut();
  });
  const warning = warnBeforeEnd({
    banner: byId("sign-in-banner"),
    ends: signInEnds,
    warning: (left) => `Your sign-in ends in ${left}.`,
    over: "Your sign-in has ended. Sign in, and go on where you were.",
    stay: "Stay signed in",
    renew: renewSignIn,
    again: ["Sign in", () => void open("/login", "_blank", "noopener")],
  });
  onOtherTabs((what) => what !== "signed-out" && warning.check());
}
