import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { Note } from '../../ui/note.tsx';
import { stepOf } from './draft.ts';
import { Preview } from './preview.tsx';
import type { StepProps } from './step.ts';

/** All that saving checks, before it. */
export function CheckStep({ checked, goTo }: StepProps) {
  if (checked.faults.length === 0) {
    return (
      <>
        {checked.explanation === undefined ? null : <Note kind="good">{t('wizard.checkGood')}</Note>}
        <Preview checked={checked} />
      </>
    );
  }
  return (
    <Note kind="bad">
      <p>{t('wizard.checkBad')}</p>
      <ul class="stack-small">
        {checked.faults.map((fault) => {
          const step = stepOf(fault);
          return (
            <li class="row" key={fault.path + fault.message}>
              <span class="grow break">
                {fault.path === '' ? '' : `${fault.path}: `}
                {fault.message}
              </span>
              {step === 'check' ? null : (
                <Button small onClick={() => goTo(step)}>
                  {t('wizard.goThere', { step: t(`step.${step}`) })}
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Note>
  );
}
