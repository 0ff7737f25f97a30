/** What the carrier and the phones saw: every message, and of each leg what became of it. The checker reads this and nothing of the engine's. */

export interface Seen {
  readonly atMs: number;
  readonly who: string;
  readonly isSent: boolean;
  /** Host of the node that it went to or came from. */
  readonly node: string;
  readonly callId: string;
  readonly text: string;
}

/** One leg as its party knows it. Times by the run's clock, ms. */
export interface Leg {
  /** The number that this call alone has: by it both legs and the record are found. */
  readonly key: string;
  /** A: the party called; B: it was called. */
  readonly side: 'A' | 'B';
  readonly who: string;
  readonly callId: string;
  readonly invitedAtMs: number;
  /** Port of the trunk that it came through; 0 at a phone. */
  readonly trunkPort: number;
  /** Host of the node that has it, as its Contact says. */
  node: string;
  ringsAtMs: number[];
  final?: number;
  /** What a refusal says besides its status. */
  reason?: string;
  finalAtMs?: number;
  /** The 2xx was sent or came. */
  answeredAtMs?: number;
  /** B: its 2xx was acknowledged. */
  confirmedAtMs?: number;
  cancelledAtMs?: number;
  /** A: it was given up before there was an answer. */
  isAbandoned?: boolean;
  endedAtMs?: number;
  endedBy?: 'self' | 'peer' | 'nobody';
  /** What the party's own BYE was answered, and when. */
  byeStatus?: number;
  byeAnsweredAtMs?: number;
  /** Answers with another tag than the first one. */
  furtherAnswers: number;
}

export interface RegistrationSeen {
  readonly atMs: number;
  readonly node: string;
  readonly expires: number;
  readonly callId: string;
  readonly cseq: string;
}

export class Journal {
  readonly seen: Seen[] = [];
  readonly legs: Leg[] = [];
  readonly registrations: RegistrationSeen[] = [];
  readonly #began = performance.now();
  #keys = 0;

  nowMs(): number {
    return performance.now() - this.#began;
  }

  /** Seven digits that no other call has. */
  nextKey(): string {
    return String(2_000_000 + this.#keys++);
  }

  note(entry: Omit<Seen, 'atMs'>): void {
    this.seen.push({ ...entry, atMs: this.nowMs() });
  }

  leg(fields: Pick<Leg, 'key' | 'side' | 'who' | 'callId' | 'node' | 'trunkPort'>): Leg {
    const leg: Leg = { ...fields, invitedAtMs: this.nowMs(), ringsAtMs: [], furtherAnswers: 0 };
    this.legs.push(leg);
    return leg;
  }

  /** The ladder of a call, for a person to read. */
  ladder(callIds: ReadonlySet<string>): string {
    return this.seen
      .filter(({ callId }) => callIds.has(callId))
      .map(({ atMs, who, isSent, node, text }) => {
        const [start = ''] = text.split('\r\n', 1);
        const cseq = /^CSeq: *(.*)$/im.exec(text)?.[1] ?? '';
        const arrow = isSent ? '->' : '<-';
        return `  ${(atMs / 1000).toFixed(3)} ${who.padEnd(9)} ${arrow} ${node.padEnd(12)} ${start} (${cseq})`;
      })
      .join('\n');
  }
}
