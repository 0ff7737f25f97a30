import { t } from '../../text/index.ts';
import { TextField } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { WHATSAPP_FIELDS, WHATSAPP_SECRETS } from './draft.ts';
import { type StepProps, trunkFaultAt } from './step.ts';

/** The number at the Cloud API, and the secrets that it is reached with. */
export function WhatsappStep({ draft, before, faults, change }: StepProps) {
  const { whatsapp } = draft;
  return (
    <>
      <Note kind="info">
        <strong>{t('whatsapp.before')}</strong> {t('whatsapp.beforeText')}
      </Note>
      <div class="fields">
        {WHATSAPP_FIELDS.map((name) => {
          const isSecret = WHATSAPP_SECRETS.has(name);
          return (
            <TextField
              key={name}
              label={t(`whatsapp.${name}`)}
              help={isSecret && before !== undefined ? t('wizard.passwordKept') : t(`whatsapp.${name}.help`)}
              {...(isSecret ? { type: 'password' as const, autocomplete: 'new-password' } : {})}
              value={whatsapp[name]}
              error={trunkFaultAt(faults, `whatsapp.${name}`)}
              onInput={(value) => change({ whatsapp: { ...whatsapp, [name]: value } })}
              mono={!isSecret}
            />
          );
        })}
      </div>
    </>
  );
}

/** What is entered at Meta once the trunk is there. */
export function WhatsappHook({ id }: { readonly id: string }) {
  return (
    <section class="card stack-small">
      <h2>{t('whatsapp.hook')}</h2>
      <p class="soft">{t('whatsapp.hookText')}</p>
      <p class="secret">{`${window.location.origin}/hooks/whatsapp/${id}`}</p>
    </section>
  );
}
