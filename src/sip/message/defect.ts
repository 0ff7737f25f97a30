/** A fault of a received message that could still be represented; the validator turns it into the response owed. */
export interface Defect {
  readonly status: number;
  readonly reason: string;
  readonly spares: Spared;
}

/**
 * What goes on in spite of a defect, since a field was left out, or is no number, and nothing else of the message could be meant
 * differently: `ending`, what needs few fields (an answer, BYE, CANCEL, ACK); `all`, every message: the line was no field of any name.
 */
export type Spared = 'nothing' | 'ending' | 'all';
