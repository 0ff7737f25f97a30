/** Lines of comma-separated values (RFC 4180). */

/**
 * One line, its end included. What a spreadsheet would take for a formula is a text with an apostrophe in front: what peers send
 * stands in these files. A number with its sign stays as it is.
 */
export function csvLine(fields: readonly (string | number | boolean | undefined)[]): string {
  return `${fields.map(csvField).join(',')}\r\n`;
}

function csvField(value: string | number | boolean | undefined): string {
  const given = String(value ?? '');
  const isFormula = /^[=+\-@\t\r]/.test(given) && !/^[+-]?\d+(?:\.\d+)?$/.test(given);
  const text = isFormula ? `'${given}` : given;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
