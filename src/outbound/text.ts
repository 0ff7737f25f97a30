/** Text of settings as octets: messages are latin1 strings in which UTF-8 text has one character per octet. */
export function octets(text: string): string {
  for (let index = 0; index < text.length; index += 1) {
    if (text.charCodeAt(index) > 0x7e) return Buffer.from(text, 'utf8').toString('latin1');
  }
  return text;
}
