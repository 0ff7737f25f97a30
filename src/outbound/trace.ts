/**
 * What the pipeline tells about itself. Live calls and `explain` run the same steps; only the trace differs: in a live call it is
 * {@link NO_TRACE}, whose `on` is false, and steps make no text for it.
 */

export interface CandidateNote {
  readonly source: string;
  readonly value: string | undefined;
  readonly verdict: 'taken' | 'passed-over';
  readonly reason: string;
}

export interface FieldNote {
  /** Header field and part, e.g. `From.user`. */
  readonly field: string;
  readonly value: string;
  /** Where the value came from: a variable, `custom`, a directive, an option, `default`. */
  readonly source: string;
  /** Which setting asked for it: the trunk's own, its brand's preset, a default, the call itself. */
  readonly origin: 'trunk' | 'brand' | 'default' | 'call' | 'tenant' | 'engine';
  readonly reason: string;
  /** A step took the field off the INVITE; `value` is what it had, where that may be told. */
  readonly dropped?: true;
}

export interface StepNote {
  readonly step: string;
  readonly outcome: 'continue' | 'reject';
  readonly status?: number;
  readonly reason: string;
}

export interface Trace {
  readonly on: boolean;
  step(note: StepNote): void;
  field(note: FieldNote): void;
  candidate(note: CandidateNote): void;
}

export const NO_TRACE: Trace = { on: false, step() {}, field() {}, candidate() {} };

/** Keeps every note in order. A field decided twice (mapping, then X-Outbound-Cli, then privacy) keeps both notes: the last one rules. */
export class RecordingTrace implements Trace {
  readonly on = true;
  readonly steps: StepNote[] = [];
  readonly fields: FieldNote[] = [];
  readonly candidates: CandidateNote[] = [];

  step(note: StepNote): void {
    this.steps.push(note);
  }

  field(note: FieldNote): void {
    this.fields.push(note);
  }

  candidate(note: CandidateNote): void {
    this.candidates.push(note);
  }
}
