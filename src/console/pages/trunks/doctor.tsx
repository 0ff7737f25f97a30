/** What `tandem doctor` finds: the trunk is looked at from this node, now. */
import { useEffect, useState } from 'preact/hooks';
import { trunks } from '../../client/resources.ts';
import type { Examination } from '../../client/types.ts';
import { foundInWords, known, t } from '../../text/index.ts';
import { Button } from '../../ui/button.tsx';
import { FaultSummary, useWork } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { State } from '../../ui/state.tsx';

const TONES = { ok: 'good', warning: 'warn', failed: 'bad' } as const;

export function Doctor({ id, atOnce = false }: { readonly id: string; readonly atOnce?: boolean }) {
  const [found, setFound] = useState<Examination>();
  const { busy, faults, run } = useWork();
  const look = () => run(async () => setFound(await trunks.examine(id)));
  useEffect(() => {
    if (atOnce) void look();
  }, [id]);
  return (
    <div class="stack">
      <p class="soft">{t('doctor.text')}</p>
      <FaultSummary faults={faults} title={t('doctor.failed')} />
      <div role="status" class="stack">
        {busy ? <p class="working">{t('doctor.busy')}</p> : null}
        {found === undefined || busy ? null : (
          <Note kind={found.healthy ? 'good' : 'bad'}>{t(found.healthy ? 'doctor.healthy' : 'doctor.unhealthy')}</Note>
        )}
      </div>
      {found === undefined || busy ? null : (
        <ul class="findings">
          {found.findings.map(({ check, outcome, subject, message, advice }) => (
            <li key={`${check} ${subject ?? ''} ${message}`}>
              <State tone={TONES[outcome]}>{t(`outcome.${outcome}`)}</State>
              <div class="break">
                <strong>{known(`check.${check}`, check)}</strong>{' '}
                {subject === undefined ? null : <span class="mono soft">{subject}</span>}
                <p>{foundInWords(message)}</p>
                {advice === undefined ? null : (
                  <p class="small">
                    <strong>{t('doctor.advice')}</strong> {foundInWords(advice)}
                  </p>
                )}
              </div>
            </li>
          ))}
        </ul>
      )}
      <div>
        <Button
          label={t(found === undefined ? 'doctor.look' : 'doctor.again')}
          busy={busy}
          onClick={() => void look()}
        />
      </div>
    </div>
  );
}
