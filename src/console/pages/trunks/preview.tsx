import { t } from '../../text/index.ts';
import { TextField } from '../../ui/form.tsx';
import { Invite, Reasons } from '../../ui/invite.tsx';
import { Note } from '../../ui/note.tsx';
import type { Checked } from './step.ts';

/** Why a call would not leave, although the trunk can be saved. */
export function refusalIn({ explanation }: Checked) {
  return explanation?.refusal ?? explanation?.routes[0]?.refusal;
}

/** What a call over the trunk would send, as the engine's own pipeline makes it, with the reason of each field. */
export function Preview({ checked }: { readonly checked: Checked }) {
  const { explanation, isCurrent, to, setTo } = checked;
  const route = explanation?.routes[0];
  const refusal = refusalIn(checked);
  return (
    <aside class="stack" aria-label={t('wizard.preview')}>
      <h3>{t('wizard.preview')}</h3>
      <TextField label={t('wizard.previewTo')} inputMode="tel" value={to} onInput={setTo} mono />
      {explanation === undefined ? <p class="soft">{t('wizard.previewWait')}</p> : null}
      {refusal === undefined ? null : (
        <Note kind="warn">
          {refusal.status} {refusal.reason}
        </Note>
      )}
      {route === undefined ? null : (
        <div class="stack dims" aria-busy={!isCurrent}>
          <Invite text={route.invite} />
          <Reasons fields={route.fields} />
        </div>
      )}
    </aside>
  );
}
