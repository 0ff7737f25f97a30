import { certificates } from '../../client/resources.ts';
import { useQuery } from '../../client/use-query.ts';
import { t } from '../../text/index.ts';
import { TextField } from '../../ui/form.tsx';
import { Note } from '../../ui/note.tsx';
import { type StepProps, trunkFaultAt } from './step.ts';

/** Direct Routing: the name by which Teams knows this system, and the certificate that has it. */
export function TeamsStep({ draft, faults, change }: StepProps) {
  const { teams } = draft;
  const set = (part: Partial<typeof teams>) => change({ teams: { ...teams, ...part } });
  const all = useQuery('certificates-for-teams', () => certificates.list({ limit: 1000 })).data?.items;
  const names = all?.filter(({ use }) => use === 'tls').map(({ name }) => name);
  return (
    <>
      <Note kind="info">
        <strong>{t('teams.before')}</strong>
        <ul class="bullets">
          <li>{t('teams.beforeDomain')}</li>
          <li>{t('teams.beforeCertificate')}</li>
          <li>{t('teams.beforeMedia')}</li>
        </ul>
      </Note>
      <div class="fields">
        <TextField
          label={t('teams.fqdn')}
          help={t('teams.fqdnHelp')}
          value={teams.fqdn}
          error={trunkFaultAt(faults, 'teams.fqdn')}
          onInput={(fqdn) => set({ fqdn })}
          placeholder="sbc1.acme.example"
          autofocus
          mono
        />
        <TextField
          label={t('transport.certificate')}
          help={names?.length === 0 ? t('teams.noCertificate') : t('teams.certificateHelp')}
          value={teams.certificate}
          error={trunkFaultAt(faults, 'teams.certificate')}
          onInput={(certificate) => set({ certificate })}
          list={names ?? []}
        />
      </div>
      <TextField
        label={t('teams.targets')}
        help={t('teams.targetsHelp')}
        value={teams.targets}
        error={trunkFaultAt(faults, 'teams.targets')}
        onInput={(targets) => set({ targets })}
        rows={3}
        optional
        mono
      />
    </>
  );
}
