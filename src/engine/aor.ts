/** An address-of-record key (`user@domain`) back into its parts; the user part may hold an `@`. */
export function splitAor(aor: string): { readonly user: string; readonly domain: string } {
  const at = aor.lastIndexOf('@');
  return { user: aor.slice(0, at), domain: aor.slice(at + 1) };
}
