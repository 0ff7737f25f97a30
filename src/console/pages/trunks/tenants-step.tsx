import { tenants } from '../../client/resources.ts';
import { isSystemAdmin } from '../../client/session.ts';
import { useQuery } from '../../client/use-query.ts';
import { t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { TenantChoice } from '../../ui/choices.tsx';
import { TextField } from '../../ui/form.tsx';
import { type StepProps, trunkFaultAt } from './step.ts';

export function TenantsStep(props: StepProps) {
  return isSystemAdmin() ? <Assignments {...props} /> : <OwnPool {...props} />;
}

/** A tenant's own trunk serves that tenant alone. */
function OwnPool({ faults, field }: StepProps) {
  return (
    <div class="narrow stack">
      <TextField
        help={t('wizard.poolHelp')}
        {...field('didPool')}
        error={trunkFaultAt(faults, 'didPool') ?? trunkFaultAt(faults, 'tenants')}
        rows={3}
        required
        mono
      />
      <p class="small soft">{t('wizard.poolRule')}</p>
    </div>
  );
}

function Assignments({ draft, faults, change }: StepProps) {
  const entries = draft.tenants;
  const taken = entries.map(({ tenant }) => tenant);
  // One of these at least is free, if one is.
  const some = useQuery(`tenants-to-assign ${entries.length}`, () => tenants.list({ limit: entries.length + 1 })).data;
  const set = (index: number, part: Partial<(typeof entries)[number]>) =>
    change({ tenants: entries.map((entry, at) => (at === index ? { ...entry, ...part } : entry)) });
  const free = some?.items.find(({ name }) => !taken.includes(name))?.name;
  return (
    <div class="stack">
      <p>{t('wizard.poolQuestion')}</p>
      {entries.length === 0 ? <p class="soft">{t('wizard.noTenants')}</p> : null}
      {entries.map((entry, index) => (
        <div class="assignment" key={index}>
          <TenantChoice
            label={t('provisioning.tenant')}
            value={entry.tenant}
            error={trunkFaultAt(faults, `tenants[${index}].tenant`)}
            onChange={(tenant) => set(index, { tenant })}
            taken={taken}
          />
          <TextField
            label={t('wizard.pool')}
            help={t('wizard.poolHelp')}
            value={entry.didPool}
            error={trunkFaultAt(faults, `tenants[${index}].didPool`)}
            onInput={(didPool) => set(index, { didPool })}
            mono
          />
          <Button
            kind="danger-quiet"
            icon="close"
            onClick={() => change({ tenants: entries.filter((_, at) => at !== index) })}
          >
            <span class="visually-hidden">{t('wizard.removeTenant', { name: entry.tenant })}</span>
          </Button>
        </div>
      ))}
      <div class="row">
        <Button
          label={t('wizard.addTenant')}
          icon="plus"
          disabled={free === undefined}
          onClick={() => change({ tenants: [...entries, { tenant: free ?? '', didPool: '' }] })}
        />
        <span class="small soft">{t('wizard.poolRule')}</span>
      </div>
    </div>
  );
}
