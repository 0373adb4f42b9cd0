// The list of what the leader can do.
import { ask } from "../dialog.ts";
import { make } from "../dom.ts";

export async function showHelp(keys: readonly (readonly [key: string, words: string])[]): Promise<void> {
  const list = make("dl", {});
  for (const [key, words] of keys) list.append(make("dt", {}, make("kbd", { textContent: key })), make("dd", { textContent: words }));
  await ask("Keys of this page", [make("p", {}, "All keys go to the server. After ", make("kbd", { textContent: "Ctrl+]" }), " the next one is for this page:"), list], []);
}
