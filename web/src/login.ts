import "./theme.ts";
import "./base.css";
import { byId, showError } from "./dom.ts";
import { themeSwitch } from "./frame.ts";
import { CallFailed } from "./http.ts";
import { nextPage } from "./next_page.ts";
import { signedIn, signIn } from "./session.ts";

const form = byId<HTMLFormElement>("form");
const email = byId<HTMLInputElement>("email");
const password = byId<HTMLInputElement>("password");
const submit = byId<HTMLButtonElement>("submit");

function onward(): void {
  location.replace(nextPage(location.search, location.origin));
}

async function attempt(): Promise<void> {
  const missing = email.value === "" ? email : password.value === "" ? password : null;
  if (missing !== null) {
    showError(`Type your ${missing.name}.`);
    missing.focus();
    return;
  }
  showError("");
  submit.disabled = true;
  try {
    await signIn(email.value, password.value);
    onward();
  } catch (error) {
    showError(error instanceof CallFailed && error.status === 401 ? "The email or the password is wrong." : String((error as Error).message));
    submit.disabled = false;
    password.select();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void attempt();
});
themeSwitch();
email.focus();
signedIn().then(onward, () => undefined); // still signed in: nothing to ask
