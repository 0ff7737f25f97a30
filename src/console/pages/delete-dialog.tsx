/** Before something goes for good: what still names it, or which of the latest calls would have left differently without it. */
import { useEffect, useState } from 'preact/hooks';
import { documents, planChange } from '../client/resources.ts';
import type { PlanView } from '../client/types.ts';
import { t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { faultsOf, useWork } from '../ui/form.tsx';
import { InUse } from '../ui/in-use.tsx';
import { PlanResult } from '../ui/plan-result.tsx';

interface DeleteDialogProps {
  /** Behind `/api/v1`. */
  readonly path: string;
  readonly name: string;
  readonly plans: boolean;
  /** What else is to be known. */
  readonly text?: string;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

/** Says what still names it, or which calls would have left differently without it, before anybody can say yes. */
export function DeleteDialog({ path, name, plans, text, onDone, onClose }: DeleteDialogProps) {
  const [plan, setPlan] = useState<PlanView>();
  const { busy, faults, setFaults, run } = useWork();
  useEffect(() => {
    planChange(path.slice(1), null).then(setPlan, (error) => setFaults(faultsOf(error)));
  }, []);
  const remove = async () => {
    if (await run(() => documents.remove(path))) onDone();
  };
  return (
    <Dialog title={t('provisioning.delete', { name })} busy={busy} onClose={onClose}>
      <div class="stack" aria-live="polite">
        {plan === undefined && faults.length === 0 ? <p class="soft">{t('bulk.looking')}</p> : null}
        {faults.length === 0 ? null : <InUse faults={faults} />}
        {plan === undefined || faults.length > 0 ? null : (
          <>
            <p>{t('provisioning.deleteText')}</p>
            {text === undefined ? null : <p>{text}</p>}
            {plans ? <PlanResult found={plan} /> : null}
          </>
        )}
      </div>
      <div class="dialog-actions">
        <Button label={t('action.cancel')} busy={busy} onClick={onClose} />
        <Button
          label={t('action.delete')}
          kind="danger"
          busy={busy}
          disabled={plan === undefined || faults.length > 0}
          onClick={() => void remove()}
        />
      </div>
    </Dialog>
  );
}
