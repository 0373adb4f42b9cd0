/** Where the login page leads: a path of ours and nothing else. */
export function nextPage(search: string, origin: string): string {
  const wanted = new URLSearchParams(search).get("next") ?? "/servers";
  try {
    const url = new URL(wanted, origin);
    return wanted.startsWith("/") && url.origin === origin ? url.pathname + url.search + url.hash : "/servers";
  } catch {
    return "/servers";
  }
}
