/**
 * What the pipeline tells about itself. Live calls and `explain` run the same steps; only the trace differs: in a live call it is
 * {@link NO_TRACE}, whose `on` is false, and steps make no text for it.
 */

import type { CandidateNote, FieldNote, StepNote } from './explanation.ts';

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
