/** A message of the trace, as it is shown and kept. */
export interface TraceMessage {
  readonly at: string;
  readonly atMs: number;
  readonly direction: 'sent' | 'received';
  readonly transport: string;
  readonly local: string;
  readonly remote: string;
  readonly sipCallId: string;
  /** What the peer of this leg is to the call: `caller`, `carrier-a`, an extension… */
  readonly leg?: string;
  /** The message for people, secrets masked. */
  readonly text: string;
  /** The message as octets, one character each, secrets masked; left out: those of the text in UTF-8. */
  readonly octets?: string | undefined;
}
