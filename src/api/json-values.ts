/** What a JSON text costs whoever reads it is the number of its values, not of its octets. */

const [QUOTE, BACKSLASH, COMMA, BRACKET, BRACE] = [0x22, 0x5c, 0x2c, 0x5b, 0x7b];

/** Whether a JSON text may hold more values than this; looks at its octets once, and keeps nothing. */
export function holdsMoreValues(json: Uint8Array, most: number): boolean {
  // Each value but the first one of a list or object has a comma before it.
  let values = 1;
  let isText = false;
  for (let at = 0; at < json.length; at++) {
    const octet = json[at];
    if (isText) {
      if (octet === BACKSLASH) at++;
      else if (octet === QUOTE) isText = false;
    } else if (octet === QUOTE) isText = true;
    else if ((octet === COMMA || octet === BRACKET || octet === BRACE) && ++values > most) return true;
  }
  return false;
}
