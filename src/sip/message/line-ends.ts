const LF = 0x0a;
const CR = 0x0d;

/**
 * A received message whose head ends every line with a bare LF, with CRLF in its place; any other text as it is. The body stays as it came.
 *
 * DEVIATION: RFC 2543 let LF end a line, RFC 3261 §28.1 does not any more; devices and scripts go on writing it, and other servers read
 * it. There is but one way to read such a head, whereas a bare LF among CRLFs is the end of a line to one reader and text to another: that
 * stays a defect, and so does a CR in a head like this.
 */
export function withCrlf(text: string): string {
  const first = text.indexOf('\n');
  if (first < 0 || text.charCodeAt(first - 1) === CR) return text;
  // §7.5: empty lines before the start line are ignored.
  let start = 0;
  while (text.charCodeAt(start) === LF) start++;
  const end = text.indexOf('\n\n', start);
  const bodyStart = end < 0 ? text.length : end + 2;
  const head = text.slice(start, bodyStart);
  return head.includes('\r') ? text : head.replaceAll('\n', '\r\n') + text.slice(bodyStart);
}
