import { useState } from 'preact/hooks';
import { type SeenEvent, useEvents } from '../client/events.ts';
import { t, time } from '../text/index.ts';
import { SelectField } from '../ui/form.tsx';
import { Empty, Page } from '../ui/page.tsx';
import { State } from '../ui/state.tsx';

const TYPES = [
  'call',
  'registration',
  'trunk-state',
  'trunk-ambiguous',
  'trunk-coincidence',
  'media-relay',
  'caller-id-rejected',
  'verification-failed',
  'call-not-signed',
  'certificate-expiring',
  'fraud',
  'audit',
];

export function Events() {
  const [type, setType] = useState('');
  const { events, isOpen } = useEvents(TYPES);
  const shown = events.filter((event) => type === '' || event.type === type);
  return (
    <Page title={t('events.title')} text={t('events.text')}>
      <div class="toolbar">
        <SelectField
          label={t('events.kind')}
          value={type}
          onChange={setType}
          options={[{ value: '', label: t('events.all') }, ...TYPES.map((value) => ({ value, label: value }))]}
        />
        <State tone={isOpen ? 'good' : 'warn'}>{isOpen ? t('events.open') : t('events.closed')}</State>
      </div>
      <div class="card card-flush">
        {shown.length === 0 ? (
          <Empty icon="events" title={t('events.empty')} text={t('events.emptyText')} />
        ) : (
          <div class="table-frame">
            <table class="table">
              <caption class="visually-hidden">{t('events.title')}</caption>
              <thead>
                <tr>
                  <th scope="col">{t('events.when')}</th>
                  <th scope="col">{t('events.what')}</th>
                  <th scope="col">{t('events.about')}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((event) => (
                  <Row event={event} key={event.id} />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </div>
    </Page>
  );
}

function Row({ event: { type, at, data } }: { event: SeenEvent }) {
  const facts = Object.entries(data).filter(([, value]) => value !== undefined && value !== null);
  return (
    <tr>
      <td data-label="" class="nowrap numeric">
        <time dateTime={at}>{time(at)}</time>
      </td>
      <td data-label={t('events.what')}>
        <span class="tag">{type}</span>
      </td>
      <td data-label={t('events.about')} class="break">
        {facts.map(([name, value]) => (
          <span class="fact" key={name}>
            <span class="soft">{name}</span> {typeof value === 'string' ? value : JSON.stringify(value)}
          </span>
        ))}
      </td>
    </tr>
  );
}
