/** Where a reader of call records is: whatever ends meanwhile moves nothing. */

export interface Ended {
  readonly endedAt: string;
  readonly callId: string;
}

/** The latest first; of those that ended within the same millisecond by id, so that several nodes' come in one order. */
export function byEnd(a: Ended, b: Ended): number {
  if (a.endedAt !== b.endedAt) return a.endedAt < b.endedAt ? 1 : -1;
  return a.callId < b.callId ? 1 : a.callId > b.callId ? -1 : 0;
}

export function cursorAfter({ endedAt, callId }: Ended): string {
  return `${endedAt},${callId}`;
}

/** What a cursor says: the last one that was read. */
export function readCursor(text: string): Ended {
  const comma = text.indexOf(',');
  return { endedAt: text.slice(0, comma), callId: text.slice(comma + 1) };
}
