/** Before a change: which of the latest calls would leave differently, and how. */
import { useState } from 'preact/hooks';
import { plan } from '../client/resources.ts';
import type { PlanView } from '../client/types.ts';
import { t } from '../text/index.ts';
import { Button } from '../ui/button.tsx';
import { FaultSummary, SubmitForm, TextField, useForm } from '../ui/form.tsx';
import { Page } from '../ui/page.tsx';
import { PlanResult } from '../ui/plan-result.tsx';

export function Plan() {
  const form = useForm({ document: '' });
  const [found, setFound] = useState<PlanView>();
  const run = () => {
    setFound(undefined);
    const document = parsed(form.values.document);
    if (document === undefined) {
      form.setFaults([{ code: 'malformed-json', path: 'document', message: t('plan.malformed') }]);
      return;
    }
    void form.run(async () => setFound(await plan(document)));
  };
  return (
    <Page title={t('plan.title')} text={t('plan.text')}>
      <div class="stack">
        <SubmitForm class="card form" onSubmit={run}>
          <FaultSummary faults={form.faults} fields={{ document: t('plan.document') }} />
          <TextField
            label={t('plan.document')}
            help={t('plan.documentHelp')}
            value={form.values.document}
            onInput={(value) => form.set('document', value)}
            rows={10}
            mono
          />
          <div>
            <Button label={t('plan.run')} kind="primary" type="submit" busy={form.busy} />
          </div>
        </SubmitForm>
        {found === undefined ? null : <PlanResult found={found} />}
      </div>
    </Page>
  );
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
