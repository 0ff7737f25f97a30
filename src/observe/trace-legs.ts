/**
 * Whose a message is where several calls have legs of one Call-ID: a proxy leaves it as it is when a call comes back to this engine, for
 * another tenant perhaps, and a phone may write that of somebody else's call.
 */

/** What a message of the trace says of the dialog that it is in. */
export interface DialogSide {
  /** Tag of the other side; empty when there is none. */
  readonly theirs: string;
  /** A request from the other side that is in no dialog yet. */
  readonly begins: boolean;
}

export function sideOf(text: string, isSent: boolean): DialogSide {
  const isRequest = !text.startsWith('SIP/2.0 ');
  const [from, to] = [tagIn(text, FROM), tagIn(text, TO)];
  // A response has From and To of its request.
  return { theirs: isSent === isRequest ? to : from, begins: isRequest && !isSent && to === '' };
}

/** Which of all messages of one Call-ID, in their order, are of a leg. */
export function ofLeg(sides: readonly DialogSide[], own: DialogSide | undefined): (side: DialogSide) => boolean {
  // A leg that the other side began has its tag throughout. Of the others, and where its beginning is not kept, it is what no such leg has.
  if (own !== undefined) return ({ theirs }) => theirs === own.theirs;
  const others = new Set(sides.flatMap(({ begins, theirs }) => (begins && theirs !== '' ? [theirs] : [])));
  return ({ theirs }) => !others.has(theirs);
}

const FROM = /\r\n(?:from|f)[ \t]*:([^\r\n]*)/i;
const TO = /\r\n(?:to|t)[ \t]*:([^\r\n]*)/i;

/** Behind what is quoted, where anything may stand. */
function tagIn(text: string, field: RegExp): string {
  const value = field.exec(text)?.[1]?.replace(/"(?:[^"\\]|\\.)*"/g, '') ?? '';
  return /;[ \t]*tag[ \t]*=[ \t]*([^;,\s]*)/i.exec(value)?.[1] ?? '';
}
