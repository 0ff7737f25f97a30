/** What each step of the wizard gets. */
import type { Problem } from '../../../base/errors.ts';
import type { BrandPreset, Explanation, TrunkInput, TrunkView } from '../../client/types.ts';
import { faultAt, type PathOf, type TextFieldProps } from '../../ui/form.tsx';
import type { DraftText, Step, TrunkDraft } from './draft.ts';

type FieldProps = Pick<TextFieldProps, 'label' | 'value' | 'error' | 'onInput'>;

/** Where the engine may find fault with a trunk. */
export type TrunkPath = PathOf<TrunkInput>;

export const trunkFaultAt: (faults: readonly Problem[], path: TrunkPath) => string | undefined = faultAt;

export interface StepProps {
  readonly draft: TrunkDraft;
  readonly before: TrunkView | undefined;
  readonly preset: BrandPreset | undefined;
  readonly presets: readonly BrandPreset[];
  readonly faults: readonly Problem[];
  readonly checked: Checked;
  readonly steps: readonly Step[];
  /** What the fields are called that the engine names by their paths. */
  readonly labels: Readonly<Record<string, string>>;
  change(part: Partial<TrunkDraft>): void;
  /** What a text field needs of one of the draft's texts; `path`: where the engine finds fault with it. */
  field(name: DraftText & TrunkPath): FieldProps;
  field(name: DraftText, path: TrunkPath): FieldProps;
  goTo(step: Step): void;
}

/** What the engine says of the draft. */
export interface Checked {
  readonly explanation?: Explanation;
  readonly faults: readonly Problem[];
  /** Whether that is said of the draft as it stands now; what was said before stays until then. */
  readonly isCurrent: boolean;
  readonly to: string;
  setTo(to: string): void;
  /** Asks at once. */
  now(): Promise<readonly Problem[]>;
}
