// What every page has in its header: the theme, and for who is signed in "Sign out" and a warning before the sign-in ends.
import { byId } from "./dom.ts";
import { warnBeforeEnd } from "./ending.ts";
import { onOtherTabs, renewSignIn, signInEnds, signOut } from "./session.ts";
import { chooseTheme, chosenTheme, THEME_KEY, type Theme } from "./theme.ts";

/** The page's <select id="theme">; its options are in the HTML, so that nothing moves when this runs. */
export function themeSwitch(): void {
  const select = byId<HTMLSelectElement>("theme");
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
